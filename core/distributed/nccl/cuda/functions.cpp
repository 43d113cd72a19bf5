#include "functions.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace fvattn::nccl {
namespace {

constexpr const char* kName = "libnccl.so.2";

std::string version_text(int version) {
  constexpr int kMajor = 10'000, kMinor = 100;
  return std::to_string(version / kMajor) + "." + std::to_string(version % kMajor / kMinor) + "." +
         std::to_string(version % kMinor);
}

Result<Functions> load() {
  // That of torch, where torch is: loaded by its own path, found by its name.
  void* library = dlopen(kName, RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) library = dlopen(kName, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr)
    return Status::error(Code::unavailable, "NCCL is not found", dlerror(), kName,
                         "install it, or put its folder into LD_LIBRARY_PATH (torch's wheel brings it in nvidia/nccl/lib)");
  Functions all{};
  Status missing;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) missing = Status::error(Code::unavailable, "this NCCL lacks a function", name);
  };
  find(all.get_version, "ncclGetVersion");
  find(all.error_string, "ncclGetErrorString");
  find(all.last_error, "ncclGetLastError");
  find(all.unique_id, "ncclGetUniqueId");
  find(all.init, "ncclCommInitRankConfig");
  find(all.async_error, "ncclCommGetAsyncError");
  find(all.finalize, "ncclCommFinalize");
  find(all.destroy, "ncclCommDestroy");
  find(all.abort, "ncclCommAbort");
  find(all.group_start, "ncclGroupStart");
  find(all.group_end, "ncclGroupEnd");
  find(all.send, "ncclSend");
  find(all.receive, "ncclRecv");
  if (!missing.ok()) return missing;
  if (all.get_version(&all.version) != ncclSuccess)
    return Status::error(Code::unavailable, "NCCL does not say its version");
  if (all.version < NCCL_VERSION_CODE)
    return Status::error(Code::unavailable, "NCCL is older than the one that fvattn was built with",
                         version_text(all.version), version_text(NCCL_VERSION_CODE) + " or later");
  // Multicast (NVLS) moves nothing here, and can take a machine's links down. Before NCCL reads its environment.
  setenv("NCCL_NVLS_ENABLE", "0", 0);
  return all;
}

}  // namespace

const Result<Functions>& functions() {
  static const auto* found = new Result<Functions>(load());
  return *found;
}

}  // namespace fvattn::nccl
