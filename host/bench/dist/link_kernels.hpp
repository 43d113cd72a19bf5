// The GPU's part of the link's measurement. No torch here: device code sees none.
#pragma once

#include <fvattn/status.hpp>

#include <cstdint>
#include <string>

namespace fvattn::bench::dist {

Status cuda_support();
Result<bool> cuda_can_reach(int from, int to);

/// Memory of one GPU. All functions throw nothing; a stream is a cudaStream_t.
struct CudaBlock {
  void* memory = nullptr;
  int64_t bytes = 0;
};
Result<CudaBlock> cuda_allocate(int device, int64_t bytes);
void cuda_release(int device, CudaBlock block);

/// A handle for another process, or for a thread of this one.
Result<std::string> cuda_handle(int device, const CudaBlock& block, bool is_thread);
/// What the handle stands for, as `device` sees it.
Result<void*> cuda_open(int device, const std::string& handle, bool is_thread);
void cuda_close(int device, void* opened, bool is_thread);

/// A kernel of one thread that ends after that time.
void cuda_hold(int device, void* stream, double microseconds);

/// Milliseconds of `calls` copies by events, waited for. `writers` 0: cudaMemcpyAsync.
Result<double> cuda_copy_ms(int device, void* stream, const void* from, void* to, int64_t bytes, int writers, int calls);

}  // namespace fvattn::bench::dist
