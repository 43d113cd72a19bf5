#include "mean_parts.cuh"

#include <cuda_fp16.h>
#include <fvattn/engine/sm80/launch.cuh>

#include <cmath>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32, kSamples = 8;

/// The sum or the largest of all threads' values, for every thread.
template <class Join>
__device__ double joined(double value, int thread, Join&& join) {
  __shared__ double of_warp[kWarps];
  for (int by = 16; by > 0; by /= 2) value = join(value, __shfl_xor_sync(0xffffffffu, value, by));
  __syncthreads();
  if (thread % 32 == 0) of_warp[thread / 32] = value;
  __syncthreads();
  value = of_warp[0];
  for (int w = 1; w < kWarps; ++w) value = join(value, of_warp[w]);
  return value;
}

// One block a chunk and head. The reference is the mean of a few chunks, spread over the sequence.
template <class Element>
__global__ void __launch_bounds__(kThreads) split_means_kernel(const double* means, MeanParts parts) {
  constexpr int kMostDim = 256, kOfThread = kMostDim / kThreads;
  const int chunk = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y),
            thread = static_cast<int>(threadIdx.x);
  const double* const of_head = means + static_cast<long long>(head) * parts.chunks * parts.dim;
  const int samples = engine::smaller(kSamples, parts.chunks);
  double rest[kOfThread] = {}, largest = 0, spread = 0, length = 0;
#pragma unroll
  for (int i = 0; i < kOfThread; ++i) {
    const int d = i * kThreads + thread;
    if (d >= parts.dim) continue;
    double reference = 0;
    for (int s = 0; s < samples; ++s)
      reference += of_head[static_cast<long long>(s) * parts.chunks / samples * parts.dim + d];
    const double mean = of_head[static_cast<long long>(chunk) * parts.dim + d];
    rest[i] = mean - reference / samples;
    parts.by_channel[(static_cast<long long>(head) * parts.dim + d) * parts.chunks + chunk] = mean;
    largest = fmax(largest, fabs(rest[i]));
    spread += rest[i] * rest[i], length += mean * mean;
  }
  const auto sum = [](double a, double b) { return a + b; };
  largest = joined(largest, thread, [](double a, double b) { return fmax(a, b); });
  spread = joined(spread, thread, sum), length = joined(length, thread, sum);
  int exponent = 1;
  if (largest > 0) (void)frexp(largest, &exponent);
  constexpr int kMostExponent = 90;  // what is larger or smaller is left to exact gates
  const bool usable = spread < 1e60 && length < 1e60 && exponent > -kMostExponent && exponent < kMostExponent;
  if (thread == 0) {
    constexpr double kSlack = 1.001;
    const long long at = static_cast<long long>(head) * parts.chunks + chunk;
    parts.scale[at] = usable ? static_cast<float>(ldexp(1.0, exponent - 1)) : 1.0f;
    parts.spread[at] = usable ? static_cast<float>(sqrt(spread) * kSlack) : INFINITY;
    parts.length[at] = usable ? static_cast<float>(sqrt(length) * kSlack) : INFINITY;
  }
#pragma unroll
  for (int i = 0; i < kOfThread; ++i) {
    const int d = i * kThreads + thread;
    if (d >= parts.dim) continue;
    double left = usable ? ldexp(rest[i], 1 - exponent) : 0;
    for (int part = 0; part < kParts<Element>; ++part) {
      const auto value = static_cast<Element>(static_cast<float>(left));
      left -= static_cast<double>(static_cast<float>(value));
      const long long row = (static_cast<long long>(head) * kParts<Element> + part) * parts.chunks + chunk;
      reinterpret_cast<Element*>(parts.data)[row * parts.dim + d] = value;
    }
  }
}

}  // namespace

template <class Element>
cudaError_t split_means(const double* means, int kv_heads, const MeanParts& parts, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(parts.chunks), static_cast<unsigned>(kv_heads));
  return engine::sm80::launch(split_means_kernel<Element>, grid, kThreads, 0, stream, means, parts);
}

template cudaError_t split_means<__nv_bfloat16>(const double*, int, const MeanParts&, cudaStream_t);
template cudaError_t split_means<__half>(const double*, int, const MeanParts&, cudaStream_t);

}  // namespace vmoba::gpu
