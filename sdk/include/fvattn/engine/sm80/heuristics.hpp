// Which configuration runs which head dim, and why. Shared-memory traffic and registers decide: a warp that owns 32
// query rows reads K and V half as often as one that owns 16, but its accumulators then take head_dim + tile_kv
// registers a thread of the 255. The shapes are FlashAttention-2's where it fits every GPU from sm_80 on.
#pragma once

#include <fvattn/engine/sm80/backward_config.hpp>
#include <fvattn/engine/sm80/forward_config.hpp>

namespace fvattn::engine::sm80 {

/// The smallest kernel that serves a head dim, or 0.
constexpr int padded_head_dim(int head_dim) {
  for (const int padded : {32, 64, 96, 128, 192, 256}) {
    if (head_dim > 0 && head_dim % 8 == 0 && head_dim <= padded) return padded;
  }
  return 0;
}

/// For policies that fit any tile: 128 query rows; as many keys as the registers leave room for.
template <int kHeadDim>
struct DenseForward;
template <>
struct DenseForward<32> : ForwardConfig<32, 128, 128, 4, 1, 2> {};
template <>
struct DenseForward<64> : ForwardConfig<64, 128, 64, 4, 2, 2> {};
template <>
struct DenseForward<96> : ForwardConfig<96, 128, 64, 4, 1, 2> {};
template <>
struct DenseForward<128> : ForwardConfig<128, 128, 64, 4, 1, 2> {};
template <>
struct DenseForward<192> : ForwardConfig<192, 128, 64, 8, 1, 1> {};
template <>
struct DenseForward<256> : ForwardConfig<256, 128, 32, 8, 1, 1> {};

/// For policies made of 64-token blocks: a CTA is one query block, so four small CTAs fill an SM instead of two.
template <int kHeadDim>
struct Block64Forward : ForwardConfig<kHeadDim, 64, 64, 4, 1, kHeadDim <= 64 ? 4 : kHeadDim <= 128 ? 3 : 1> {};

/// Backward for policies that fit any tile. Keys stationary: the accumulators of d_k and d_v are the limit, eight warps
/// with 32 keys x 64 channels each at head dim 128. Needs up to 148 KiB of shared memory (sm_80, sm_90); GPUs with 99 KiB
/// (sm_86, sm_89) take Block64Backward.
template <int kHeadDim>
struct DenseBackward;
template <>
struct DenseBackward<32>
    : BackwardConfig<BackwardKvConfig<32, 128, 128, 8, 4, 4, 4, 2>, BackwardQConfig<32, 128, 64, 32, 4, 2>> {};
template <>
struct DenseBackward<64>
    : BackwardConfig<BackwardKvConfig<64, 128, 128, 8, 4, 4, 4, 2>, BackwardQConfig<64, 128, 64, 32, 4, 2>> {};
template <>
struct DenseBackward<96>
    : BackwardConfig<BackwardKvConfig<96, 64, 128, 8, 2, 4, 4, 2>, BackwardQConfig<96, 128, 64, 32, 4, 2>> {};
template <>
struct DenseBackward<128>
    : BackwardConfig<BackwardKvConfig<128, 64, 128, 8, 2, 4, 2, 2>, BackwardQConfig<128, 128, 64, 32, 4, 2>> {};
template <>
struct DenseBackward<192>
    : BackwardConfig<BackwardKvConfig<192, 64, 64, 8, 4, 2, 2, 2>, BackwardQConfig<192, 64, 64, 32, 4, 1>> {};
template <>
struct DenseBackward<256>
    : BackwardConfig<BackwardKvConfig<256, 64, 64, 8, 4, 2, 2, 1>, BackwardQConfig<256, 64, 64, 16, 4, 1>> {};

/// Backward for policies made of 64-token blocks (DenseBackward is that already above head dim 128), and for GPUs with
/// 99 KiB of shared memory.
template <int kHeadDim>
struct Block64Backward
    : BackwardConfig<BackwardKvConfig<kHeadDim, 64, 64, 4, 2, 2, 2, 2>, BackwardQConfig<kHeadDim, 64, 64, 32, 4, 2>> {
  static_assert(kHeadDim <= 128 && Block64Backward::Kv::kSharedBytes <= 99 * 1024);
};

}  // namespace fvattn::engine::sm80
