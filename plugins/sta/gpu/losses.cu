#include "losses.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <fvattn/engine/sm80/launch.cuh>

namespace sta::gpu {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kShares = 16;  // of a head's rows, summed by a block each

struct Sums {
  double l2, l1;
};

/// The block's sums, in thread 0.
__device__ Sums sum_of_block(Sums mine) {
  __shared__ Sums of_warp[kWarps];
  for (int mask = 16; mask > 0; mask /= 2) {
    mine.l2 += __shfl_xor_sync(0xffffffffu, mine.l2, mask);
    mine.l1 += __shfl_xor_sync(0xffffffffu, mine.l1, mask);
  }
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) of_warp[warp] = mine;
  __syncthreads();
  Sums all{0, 0};
  for (int i = 0; i < kWarps; ++i) all.l2 += of_warp[i].l2, all.l1 += of_warp[i].l1;
  return all;
}

// A block sums one share of one head's rows, a warp a row at a time.
template <class Element>
__global__ void __launch_bounds__(kThreads) share_losses_kernel(LossSizes sizes, Result a, Result b, Sums* shares) {
  const int share = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t rows = static_cast<std::int64_t>(sizes.batch) * sizes.rows;
  Sums mine{0, 0};
  for (std::int64_t i = static_cast<std::int64_t>(share) * kWarps + warp; i < rows; i += kShares * kWarps) {
    const std::int64_t batch = i / sizes.rows, row = i % sizes.rows;
    const auto at = [&](const Result& r) {
      return static_cast<const Element*>(r.data) + batch * r.batch_stride + row * r.row_stride + head * r.head_stride;
    };
    const Element *x = at(a), *y = at(b);
    for (int d = lane; d < sizes.dim; d += 32) {
      const double difference =
          static_cast<double>(static_cast<float>(x[d])) - static_cast<double>(static_cast<float>(y[d]));
      mine.l2 += difference * difference;
      mine.l1 += difference < 0 ? -difference : difference;
    }
  }
  const Sums all = sum_of_block(mine);
  if (threadIdx.x == 0) shares[head * kShares + share] = all;
}

// A thread a head.
__global__ void __launch_bounds__(kThreads) mean_losses_kernel(LossSizes sizes, const Sums* shares, double* l2, double* l1) {
  const int head = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (head >= sizes.heads) return;
  Sums all{0, 0};
  for (int i = 0; i < kShares; ++i) all.l2 += shares[head * kShares + i].l2, all.l1 += shares[head * kShares + i].l1;
  const double count = static_cast<double>(sizes.batch) * sizes.rows * sizes.dim;
  l2[head] = all.l2 / count;
  l1[head] = all.l1 / count;
}

}  // namespace

std::int64_t loss_scratch(int heads) { return std::int64_t{heads} * kShares * 2; }

template <class Element>
cudaError_t losses(const LossSizes& sizes, const Result& a, const Result& b, double* scratch, double* l2, double* l1,
                   cudaStream_t stream) {
  namespace sm80 = fvattn::engine::sm80;
  auto* shares = reinterpret_cast<Sums*>(scratch);
  const auto heads = static_cast<unsigned>(sizes.heads);
  const cudaError_t error =
      sm80::launch(share_losses_kernel<Element>, dim3(kShares, heads), kThreads, 0, stream, sizes, a, b, shares);
  if (error != cudaSuccess) return error;
  const auto* summed = static_cast<const Sums*>(shares);
  return sm80::launch(mean_losses_kernel, dim3((heads + kThreads - 1) / kThreads), kThreads, 0, stream, sizes, summed, l2,
                      l1);
}

template cudaError_t losses<__nv_bfloat16>(const LossSizes&, const Result&, const Result&, double*, double*, double*,
                                           cudaStream_t);
template cudaError_t losses<__half>(const LossSizes&, const Result&, const Result&, double*, double*, double*, cudaStream_t);

}  // namespace sta::gpu
