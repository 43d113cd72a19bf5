// Which sm90 configuration runs which problem, chosen by measurement on an H100 (docs/performance.md). Host code.
#pragma once

#include <fvattn/engine/sm90/backward_config.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>
#include <fvattn/engine/sm90/heuristics.hpp>
#include <fvattn/plugin.hpp>

#include <cstdint>

namespace flash::gpu {

using fvattn::engine::sm90::ForwardConfig;

/// Long: many keys a query tile. Short: with few keys the change from one query tile to the next decides. Causal: a CTA
/// alone, since tiles of a cluster would cost differently. At head dim 128 three consumers with 80 keys have 722 TFLOP/s,
/// two with 128 keys 703; the loading thread spills with 32 registers, hence 40.
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
  using Causal = ForwardConfig<128, 80, 3, 2, 3, 3, 1, true, 2, 1, 40>;
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

/// Whether a call runs on the sm90 engine forward: dense, and the order of scores is that of logits.
inline bool takes_sm90(const fvattn_problem& p, bool hopper) {
  using namespace fvattn::plugin;
  return hopper && !is_varlen(p) && find_extra(p, "mask") == nullptr && p.scale > 0;
}

/// Workspace of a forward call that takes the sm90 engine, in bytes.
template <int kHeadDim>
std::int64_t sm90_forward_bytes(const fvattn_problem& p, int sm_count) {
  if (sm90_kind((p.flags & FVATTN_PROBLEM_CAUSAL) != 0, static_cast<int>(p.kv_len)) != Sm90Kind::kLong) return 0;
  using Config = typename Sm90Configs<kHeadDim>::Long;
  return static_cast<std::int64_t>(fvattn::engine::sm90::tail_bytes<Config>(
      static_cast<int>(p.q_len), static_cast<int>(p.kv_len), p.heads, static_cast<int>(p.batch), sm_count));
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
