#include "pool.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

constexpr int kThreads = 128;
constexpr int kMostVolume = 256;

struct PoolParams {
  PoolArgs args;
  int first_group[4];  // CTAs along y: q's, then k's, then v's
};

// A CTA is one block of tokens and kThreads chunks of eight channels, across the heads: neighbouring threads read
// neighbouring addresses. A thread sums its chunk over the block's tokens.
template <class Element>
__global__ void __launch_bounds__(kThreads) pool_kernel(const __grid_constant__ PoolParams params) {
  __shared__ int rows[kMostVolume];
  const PoolArgs& args = params.args;
  const int block = static_cast<int>(blockIdx.x), batch = static_cast<int>(blockIdx.z),
            thread = static_cast<int>(threadIdx.x);
  const int size = args.map.size(block);
  for (int slot = thread; slot < size; slot += kThreads) rows[slot] = args.map.row_of(block, slot);
  __syncthreads();

  const int group = static_cast<int>(blockIdx.y);
  const int which = group < params.first_group[1] ? 0 : group < params.first_group[2] ? 1 : 2;
  const int chunks = args.head_dim / sm80::kChunkElements;
  const int chunk = (group - params.first_group[which]) * kThreads + thread;
  if (chunk >= args.heads[which] * chunks) return;
  const int head = chunk / chunks, column = chunk % chunks * sm80::kChunkElements;
  const sm80::ConstTensor& from = args.from[which];
  const Element* const first = row_at<Element>(from, batch, 0, head) + column;
  float sum[8] = {};
#pragma unroll 8
  for (int slot = 0; slot < size; ++slot) {
    float values[8];
    load_8(values, first + rows[slot] * from.row_stride);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[i] += values[i];
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) sum[i] /= static_cast<float>(size);
  store_8(row_at<Element>(args.to[which], batch, block, head) + column, sum);
}

}  // namespace

template <class Element>
cudaError_t pool(const PoolArgs& args, cudaStream_t stream) {
  PoolParams params{args, {}};
  for (int i = 0; i < 3; ++i) {
    const int chunks = args.heads[i] * (args.head_dim / sm80::kChunkElements);
    params.first_group[i + 1] = params.first_group[i] + engine::ceil_div(chunks, kThreads);
  }
  const dim3 grid(static_cast<unsigned>(args.map.blocks()), static_cast<unsigned>(params.first_group[3]),
                  static_cast<unsigned>(args.batch));
  return sm80::launch(pool_kernel<Element>, grid, kThreads, 0, stream, params);
}

template cudaError_t pool<__nv_bfloat16>(const PoolArgs&, cudaStream_t);
template cudaError_t pool<__half>(const PoolArgs&, cudaStream_t);

}  // namespace vsa::gpu
