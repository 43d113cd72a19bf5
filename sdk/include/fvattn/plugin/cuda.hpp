// CUDA errors of a plugin (rule FVP-10). Include it where cuda_runtime.h is at hand; plugin.hpp itself needs no CUDA.
#pragma once

#include <fvattn/plugin/error.hpp>

#include <cuda_runtime_api.h>

namespace fvattn::plugin {

/// Throws when `code` is a failure, and takes it out of this runtime's last-error state so that nobody else finds it.
/// Failures that lose the context are flagged STICKY, out of memory RETRYABLE.
inline void check(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  (void)cudaGetLastError();
  uint32_t flags = 0;
  switch (code) {
    case cudaErrorMemoryAllocation: flags = FVATTN_ERROR_RETRYABLE; break;
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable: flags = FVATTN_ERROR_STICKY; break;
    default: break;
  }
  const fvattn_status status = flags & FVATTN_ERROR_RETRYABLE ? fvattn_status{FVATTN_RESOURCE_EXHAUSTED} : FVATTN_INTERNAL;
  throw Error(status, std::string(what) + ": " + cudaGetErrorName(code) + ", " + cudaGetErrorString(code), flags, code,
              FVATTN_DOMAIN_CUDART);
}

/// After a <<<>>> launch: check_launch("name of the kernel").
inline void check_launch(const char* what) { check(cudaGetLastError(), what); }

}  // namespace fvattn::plugin
