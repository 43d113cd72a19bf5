// NCCL's functions, from the library that is in the process already or that the loader finds: two of them would not share
// their state, so nothing links one.
#pragma once

#include <fvattn/status.hpp>

#include <nccl.h>

namespace fvattn::nccl {

struct Functions {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclGetLastError) last_error;
  decltype(&ncclGetUniqueId) unique_id;
  decltype(&ncclCommInitRankConfig) init;
  decltype(&ncclCommGetAsyncError) async_error;
  decltype(&ncclCommFinalize) finalize;
  decltype(&ncclCommDestroy) destroy;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) receive;
  int version;  // of the library
};

/// Found once. UNAVAILABLE where there is no NCCL, or one older than the header of this build.
const Result<Functions>& functions();

}  // namespace fvattn::nccl
