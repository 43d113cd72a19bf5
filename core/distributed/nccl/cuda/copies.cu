#include "copies.hpp"

#include <algorithm>

namespace fvattn::nccl {
namespace {

constexpr int kThreads = 512;
constexpr size_t kMostJobs = 40;

struct Jobs {
  int count = 0;
  peer::Job jobs[kMostJobs] = {};
};
static_assert(sizeof(Jobs) <= 4096);  // a kernel's arguments

__global__ void __launch_bounds__(kThreads) copy_kernel(const __grid_constant__ Jobs all) {
  for (int j = 0; j < all.count; ++j)
    peer::copy_part(all.jobs[j], 0, static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x),
                    static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x));
}

}  // namespace

cudaError_t queue_copies(const std::vector<peer::Job>& jobs, int blocks, cudaStream_t stream) {
  for (size_t first = 0; first < jobs.size(); first += kMostJobs) {
    Jobs some;
    some.count = static_cast<int>(std::min(kMostJobs, jobs.size() - first));
    std::copy_n(jobs.begin() + static_cast<std::ptrdiff_t>(first), some.count, some.jobs);
    copy_kernel<<<blocks, kThreads, 0, stream>>>(some);
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace fvattn::nccl
