// Which sm90 configuration runs which problem, chosen by measurement on an H100 (docs/performance.md). Host code.
#pragma once

#include <fvattn/engine/sm90/backward_config.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>

#include <cstdint>

namespace flash::gpu {

using fvattn::engine::sm90::ForwardConfig;

/// Long: many keys a query tile. Short: with few keys the change from one query tile to the next decides. Causal: a CTA
/// alone, since tiles of a cluster would cost differently.
template <int kHeadDim>
struct Sm90Configs;
template <>
struct Sm90Configs<64> {
  using Long = ForwardConfig<64, 128, 3, 2, 4, 4, 1, true, 4>;
  using Short = Long;
  using Causal = Long;
};
template <>
struct Sm90Configs<96> {
  using Long = ForwardConfig<96, 128, 2, 2, 3, 2, 2, true, 4>;
  using Short = ForwardConfig<96, 128, 2, 2, 3, 2, 1, true, 4>;
  using Causal = Short;
};
template <>
struct Sm90Configs<128> {
  using Long = ForwardConfig<128, 80, 3, 2, 3, 3, 1, true, 2>;
  using Short = ForwardConfig<128, 128, 2, 2, 3, 2, 2, true, 4>;
  using Causal = ForwardConfig<128, 128, 2, 2, 3, 2, 1, true, 4>;
};
template <>
struct Sm90Configs<192> {
  using Long = ForwardConfig<192, 112, 2, 1, 2, 2, 2, true, 3>;
  using Short = ForwardConfig<192, 112, 2, 1, 2, 2, 1, true, 3>;
  using Causal = Short;
};
template <>
struct Sm90Configs<256> {
  using Long = ForwardConfig<256, 80, 2, 1, 2, 2, 2, true, 2>;
  using Short = ForwardConfig<256, 80, 2, 1, 2, 2, 1, true, 2>;
  using Causal = Short;
};

/// Keys from which on the change between query tiles no longer matters.
inline constexpr int kLongKeys = 2048;

enum class Sm90Kind { kLong, kShort, kCausal };

inline Sm90Kind sm90_kind(bool causal, int kv_tokens) {
  if (causal) return Sm90Kind::kCausal;
  return kv_tokens >= kLongKeys ? Sm90Kind::kLong : Sm90Kind::kShort;
}

/// Backward: 128 keys a CTA; with 64 queries a step all of d_k and d_v stays in registers up to head dim 128.
template <int kHeadDim>
using Sm90Backward = fvattn::engine::sm90::BackwardConfig<kHeadDim, kHeadDim <= 64 ? 128 : 64, 128, 2>;

inline constexpr int kLargestSm90BackwardDim = 128;

/// Whether a Hopper GPU takes its own backward kernels; the sm80 engine has the rest.
inline bool serves_sm90_backward(int head_dim, bool dense, bool deterministic) {
  return dense && !deterministic && head_dim <= kLargestSm90BackwardDim;
}

}  // namespace flash::gpu
