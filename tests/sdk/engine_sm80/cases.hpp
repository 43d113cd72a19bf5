// What forward and backward tests share: how much to run, tolerances, and the set of pairs of a policy.
#pragma once

#include "reference.hpp"
#include "test_tensor.hpp"

#include <fvattn/engine/policy.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace fvattn::engine::sm80::test {

#if defined(FVATTN_EMULATED)
inline constexpr bool kEmulated = true;  // some thousand times slower: fewer and smaller cases
#else
inline constexpr bool kEmulated = false;
#endif

/// Relative L2 error of outputs: rounding of the probabilities and of the result. Peers have about half of it.
inline double tolerance(Type type) { return type == Type::bfloat16 ? 5e-3 : 7e-4; }

inline void check_close(const std::vector<float>& got, const std::vector<double>& expected, double tolerance) {
  CHECK(relative_error(got, expected) <= tolerance);
  CHECK(largest_error(got, expected) <= 20 * tolerance);
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
