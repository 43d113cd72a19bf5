// The few calls of the CUDA driver that say what devices there are, found at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fvattn {

/// libcuda.so.1, opened once and initialised; `trouble` says why it is not usable.
struct CudaDriver {
  std::string trouble;
  int version = 0;  // CUDA's integer
  int device_count = 0;

  // Valid when trouble is empty. Types as in cuda.h: CUresult, CUdevice and CUdevice_attribute are ints.
  int (*device_get)(int* device, int ordinal) = nullptr;
  int (*device_name)(char* name, int length, int device) = nullptr;
  int (*device_attribute)(int* value, int attribute, int device) = nullptr;
  int (*device_memory)(size_t* bytes, int device) = nullptr;
  int (*device_uuid)(uint8_t uuid[16], int device) = nullptr;
  int (*error_name)(int error, const char** name) = nullptr;

  /// "CUDA_ERROR_NO_DEVICE (100)"
  std::string error_text(int error) const;
};

/// Opened on the first call, thread-safe, never closed.
const CudaDriver& cuda_driver();

}  // namespace fvattn
