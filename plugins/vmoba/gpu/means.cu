#include "means.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kMostDim = 256, kOfLane = kMostDim / 32;

// One block a chunk and head: each warp sums every kWarps-th token, then a thread a channel sums the warps.
template <class Element>
__global__ void __launch_bounds__(kThreads) chunk_means_kernel(Chunks chunks, EntryRows<Element> k, double* means) {
  __shared__ double sums[kWarps][kMostDim];
  const int chunk = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int begin = chunks.map.starts[chunk], end = chunks.map.starts[chunk + 1];
  double mine[kOfLane] = {};
  for (int place = begin + warp; place < end; place += kWarps) {
    const Element* row = k.row(chunks.map.places.row_of(place), head);
#pragma unroll
    for (int i = 0; i < kOfLane; ++i) {
      const int d = i * 32 + lane;
      if (d < k.dim) mine[i] += static_cast<double>(static_cast<float>(row[d]));
    }
  }
#pragma unroll
  for (int i = 0; i < kOfLane; ++i) sums[warp][i * 32 + lane] = mine[i];
  __syncthreads();
  for (int d = static_cast<int>(threadIdx.x); d < k.dim; d += kThreads) {
    double sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += sums[w][d];
    const double mean = end > begin ? sum / (end - begin) : 0;
    means[(static_cast<long long>(head) * chunks.map.count + chunk) * k.dim + d] =
        static_cast<double>(static_cast<float>(mean));
  }
}

}  // namespace

template <class Element>
cudaError_t chunk_means(const Chunks& chunks, const EntryRows<Element>& k, int kv_heads, double* means,
                        cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(chunks.map.count), static_cast<unsigned>(kv_heads));
  return engine::sm80::launch(chunk_means_kernel<Element>, grid, kThreads, 0, stream, chunks, k, means);
}

template cudaError_t chunk_means(const Chunks&, const EntryRows<__nv_bfloat16>&, int, double*, cudaStream_t);
template cudaError_t chunk_means(const Chunks&, const EntryRows<__half>&, int, double*, cudaStream_t);

}  // namespace vmoba::gpu
