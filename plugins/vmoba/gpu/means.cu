#include "means.cuh"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kMostDim = 256, kPairs = kMostDim / 64;
constexpr int kAtOnce = 4;  // tokens of a warp whose loads are under way together

// One block a chunk and head: each warp sums every kWarps-th token, two channels a lane at a time, then a thread a channel
// sums the warps.
template <class Element>
__global__ void __launch_bounds__(kThreads) chunk_means_kernel(Chunks chunks, EntryRows<Element> k, double* means) {
  __shared__ double sums[kWarps][kMostDim];
  const int chunk = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int begin = chunks.map.starts[chunk], end = chunks.map.starts[chunk + 1];
  double mine[kPairs][2] = {};
  for (int first = begin + warp; first < end; first += kWarps * kAtOnce) {
    std::uint32_t values[kAtOnce][kPairs];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int place = first + j * kWarps;
      const auto* const row =
          reinterpret_cast<const std::uint32_t*>(k.row(chunks.map.places.row_of(engine::smaller(place, end - 1)), head));
#pragma unroll
      for (int i = 0; i < kPairs; ++i) values[j][i] = place < end && i * 64 + lane * 2 < k.dim ? row[i * 32 + lane] : 0;
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
#pragma unroll
      for (int i = 0; i < kPairs; ++i) {
        const float2 pair = engine::sm80::unpack<Element>(values[j][i]);
        mine[i][0] += static_cast<double>(pair.x), mine[i][1] += static_cast<double>(pair.y);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    sums[warp][i * 64 + lane * 2] = mine[i][0];
    sums[warp][i * 64 + lane * 2 + 1] = mine[i][1];
  }
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
