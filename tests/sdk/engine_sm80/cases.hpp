// What forward and backward tests share: how much to run, tolerances, and the set of pairs of a policy.
#pragma once

#include "reference.hpp"
#include "test_tensor.hpp"

#include <fvattn/engine/policy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace fvattn::engine::sm80::test {

#if defined(FVATTN_EMULATED)
inline constexpr bool kEmulated = true;  // some thousand times slower: fewer and smaller cases
#else
inline constexpr bool kEmulated = false;
#endif

/// One problem; random_case() fills everything but the head dim.
struct Case {
  Type type = Type::bfloat16;
  int batch = 1, q_len = 1, kv_len = 1, q_heads = 1, kv_heads = 1, head_dim = 64;
  float scale = 0.125f, deviation = 1.0f;
  int layout = 0;

  Shape q_shape() const { return {batch, q_len, q_heads, head_dim}; }
  Shape kv_shape() const { return {batch, kv_len, kv_heads, head_dim}; }
  std::string text() const {
    return "B " + std::to_string(batch) + " Sq " + std::to_string(q_len) + " Sk " + std::to_string(kv_len) + " H " +
           std::to_string(q_heads) + "/" + std::to_string(kv_heads) + " D " + std::to_string(head_dim) + " scale " +
           std::to_string(scale) + " deviation " + std::to_string(deviation) + " layout " + std::to_string(layout) +
           (type == Type::bfloat16 ? " bf16" : " fp16");
  }
};

inline Case random_case(int head_dim) {
  Case c;
  c.type = random_int(0, 1) == 0 ? Type::bfloat16 : Type::float16;
  c.batch = random_int(1, 2);
  c.q_len = random_int(1, kEmulated ? 150 : 300);
  c.kv_len = random_int(1, kEmulated ? 200 : 300);
  c.kv_heads = kEmulated ? 1 : random_int(1, 3);
  c.q_heads = c.kv_heads * random_int(1, 3);
  c.head_dim = head_dim;
  c.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  c.layout = random_int(0, 2);
  return c;
}

/// What the dense policies mean.
inline Visible dense_rule(const Case& c, bool causal) {
  const int diagonal = c.kv_len - c.q_len;
  return [=](int, int, int i, int j) { return !causal || j <= i + diagonal; };
}

/// Relative L2 error of outputs: rounding of the probabilities and of the result. Peers have about half of it.
inline double tolerance(Type type) { return type == Type::bfloat16 ? 5e-3 : 7e-4; }

inline void check_close(const std::vector<float>& got, const std::vector<double>& expected, double tolerance,
                        const std::vector<double>& noise = {}) {
  CHECK(relative_error(got, expected, noise) <= tolerance);
  CHECK(largest_error(got, expected, noise) <= 20 * tolerance);
}

/// lse [batch, heads, rows]: -inf exactly where expected. `slack` is what float32 sums of large logits may add.
inline void check_lse(const std::vector<float>& got, const std::vector<double>& expected, double slack = 0.0) {
  REQUIRE(got.size() == expected.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isinf(expected[i])) wrong += !(std::isinf(got[i]) && got[i] < 0);
    else wrong += !(std::fabs(got[i] - expected[i]) <= 2e-4 + slack + 1e-5 * std::fabs(expected[i]));
  }
  CHECK_MESSAGE(wrong == 0, wrong << " log-sum-exps are wrong");
}

/// The pairs that a policy's schedule and masks let through, by memory rows; fails the test when a pair comes twice.
/// The policy's pointers are host memory here.
template <class T>
class PolicyPairs {
 public:
  template <class Policy>
  PolicyPairs(const Policy& policy, int batch, int heads, int q_rows, int kv_rows)
      : heads_(heads), q_rows_(q_rows), kv_rows_(kv_rows) {
    seen_.assign(static_cast<std::size_t>(batch) * heads * q_rows * kv_rows, 0);
    bool twice = false;
    for (int b = 0; b < batch; ++b) {
      for (int h = 0; h < heads; ++h) {
        for (int tile = 0; tile < policy.template q_tiles<T>(); ++tile) {
          const WorkItem item{tile, h, b};
          for (int step = 0; step < policy.template steps<T>(item); ++step) {
            const int kv_tile = policy.template kv_tile<T>(item, step);
            const bool masked = policy.template needs_mask<T>(item, kv_tile);
            const auto mask = policy.template mask<T>(item, kv_tile);
            for (int i = 0; i < T::kTileQ; ++i) {
              const int q_row = policy.q_map.template row<T::kTileQ>(item, tile, i);
              if (q_row < 0) continue;
              for (int j = 0; j < T::kTileKv; ++j) {
                if (masked && !mask.visible(i, j)) continue;
                const int kv_row = policy.kv_map.template row<T::kTileKv>(item, kv_tile, j);
                REQUIRE(kv_row >= 0);
                char& seen = seen_[index(b, h, q_row, kv_row)];
                twice = twice || seen != 0;
                seen = 1;
              }
            }
          }
        }
      }
    }
    CHECK_MESSAGE(!twice, "a pair is visited twice");
  }

  bool operator()(int b, int h, int i, int j) const { return seen_[index(b, h, i, j)] != 0; }

 private:
  std::size_t index(int b, int h, int i, int j) const {
    return ((static_cast<std::size_t>(b) * heads_ + h) * q_rows_ + i) * kv_rows_ + j;
  }

  int heads_, q_rows_, kv_rows_;
  std::vector<char> seen_;
};

}  // namespace fvattn::engine::sm80::test
