#include <fvattn/engine/policies/varlen.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"

using namespace engine_test;
using namespace fvattn::engine;

namespace {

std::vector<int> random_sequences(int n, int longest) {
  std::vector<int> cu{0};
  for (int s = 0; s < n; ++s) cu.push_back(cu.back() + (random_int(0, 3) == 0 ? 0 : random_int(1, longest)));
  return cu;
}

int sequence_of(const std::vector<int>& cu, std::int64_t row) {
  int s = 0;
  while (row >= cu[static_cast<std::size_t>(s + 1)]) ++s;
  return s;
}

template <class E, bool kCausal>
void check_varlen(int n, int longest) {
  const std::vector<int> cu_q = random_sequences(n, longest), cu_k = random_sequences(n, longest);
  const VarlenPolicy<kCausal> policy{{cu_q.back()}, {cu_k.back()}, cu_q.data(), cu_k.data(), n};
  Case c{1, cu_q.back(), cu_k.back(), 2, 1, 24, 40};
  c.visible = [&](std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
    const auto s = static_cast<std::size_t>(sequence_of(cu_q, i));
    if (sequence_of(cu_k, j) != static_cast<int>(s)) return false;
    return !kCausal || j - cu_k[s] <= i - cu_q[s] + (cu_k[s + 1] - cu_k[s]) - (cu_q[s + 1] - cu_q[s]);
  };
  check_policy<TileShape<64, 64>>(policy, 1, 1, cu_q.back(), cu_k.back(), c.visible);
  check_policy<TileShape<128, 64>>(policy, 1, 1, cu_q.back(), cu_k.back(), c.visible);
  check_engine<E, TileShape<64, 64>>(policy, c);
}

}  // namespace

TEST_CASE("packed sequences, some empty") {
  for (int trial = 0; trial < 15; ++trial) {
    check_varlen<float, false>(random_int(1, 7), trial % 2 ? 150 : 12);
    check_varlen<double, true>(random_int(1, 7), trial % 2 ? 150 : 12);
  }
}
