#include "kernels.hpp"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/engine/sm90/mbarrier.cuh>

namespace fvattn::emulation::test {

namespace {

using namespace fvattn::engine;

constexpr int kThreads = 128, kLanes = 32;

__global__ void add_up_kernel(const float* values, int count, float* sum) {
  __shared__ float of_block;
  if (threadIdx.x == 0) of_block = 0.0f;
  __syncthreads();
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  float mine = at < count ? values[at] : 0.0f;
  for (int step = kLanes / 2; step > 0; step /= 2) mine += __shfl_xor_sync(0xffffffffu, mine, step);
  if (threadIdx.x % kLanes == 0) atomicAdd(&of_block, mine);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(sum, of_block);
}

__global__ void shift_kernel(int by, int* to) {
  const int lane = static_cast<int>(threadIdx.x);
  to[lane] = __shfl_up_sync(0xffffffffu, lane, static_cast<unsigned>(by));
  to[kLanes + lane] = __shfl_down_sync(0xffffffffu, lane, static_cast<unsigned>(by));
}

__global__ void copy_kernel(const float* from, float* to, bool waits) {
  auto* const shared = reinterpret_cast<float*>(sm80::shared_memory());
  const int at = static_cast<int>(threadIdx.x) * 4;
  if (at < kCopied) sm80::copy_async_16(sm80::shared_address(shared + at), from + at, true);
  sm80::copy_async_commit();
  if (waits) sm80::copy_async_wait<0>();
  __syncthreads();
  if (threadIdx.x < kCopied) to[threadIdx.x] = shared[kCopied - 1 - threadIdx.x];
}

__global__ void half_kernel() {
  if (threadIdx.x % 2 == 0) __syncwarp();
}

__global__ void arrive_kernel() {
  if (threadIdx.x != 0) return;
  const sm90::SmemAddress bar = sm90::smem_address(sm80::shared_memory());
  sm90::mbarrier_init(bar, 2);
  sm90::mbarrier_arrive(bar);
  sm90::mbarrier_arrive_if(bar, false);
  sm90::mbarrier_wait(bar, 0);  // one arrival is missing
}

__global__ void outside_kernel(const float* from) {
  sm80::copy_async_16(1 << 20, from, true);
}

}  // namespace

cudaError_t add_up(const float* values, int count, float* sum) {
  const dim3 grid(static_cast<unsigned>((count + kThreads - 1) / kThreads));
  return sm80::launch(add_up_kernel, grid, kThreads, 0, nullptr, values, count, sum);
}
cudaError_t shift(int by, int* to) { return sm80::launch(shift_kernel, dim3(1), kLanes, 0, nullptr, by, to); }
cudaError_t copy_through(const float* from, float* to, bool waits) {
  return sm80::launch(copy_kernel, dim3(1), kThreads, kCopied * sizeof(float), nullptr, from, to, waits);
}
cudaError_t half_a_warp() { return sm80::launch(half_kernel, dim3(1), kLanes, 0, nullptr); }
cudaError_t missing_arrival() { return sm80::launch(arrive_kernel, dim3(1), kLanes, 64, nullptr); }
cudaError_t copy_outside(const float* from) { return sm80::launch(outside_kernel, dim3(1), kLanes, 64, nullptr, from); }

}  // namespace fvattn::emulation::test
