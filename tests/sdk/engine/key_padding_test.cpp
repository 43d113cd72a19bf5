#include <fvattn/engine/policies/key_padding.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"

using namespace engine_test;
using namespace fvattn::engine;

namespace {

template <class E, bool kCausal>
void check_padding(int batch, int q_len, int kv_len) {
  const int words = ceil_div(kv_len, 256) * 8;
  std::vector<std::uint32_t> valid(static_cast<std::size_t>(batch * words), 0);
  std::vector<KeyRange> ranges(static_cast<std::size_t>(batch), KeyRange{0, 0});
  for (int b = 0; b < batch; ++b) {
    const int style = random_int(0, 3), from = random_int(0, kv_len - 1), to = random_int(from, kv_len);
    for (int j = 0; j < kv_len; ++j) {
      if (style == 0 || (style < 3 ? j < from || j >= to : random_int(0, 3) == 0)) continue;
      valid[static_cast<std::size_t>(b * words + j / 32)] |= 1u << (j % 32);
      KeyRange& range = ranges[static_cast<std::size_t>(b)];
      if (range.end == 0) range.first = j;
      range.end = j + 1;
    }
  }
  const KeyPaddingPolicy<kCausal> policy{{{q_len}, {kv_len}}, valid.data(), ranges.data(), words};
  Case c{batch, q_len, kv_len, 2, 1, 24, 40};
  c.visible = [&](std::int64_t b, std::int64_t, std::int64_t i, std::int64_t j) {
    return (valid[static_cast<std::size_t>(b * words + j / 32)] >> (j % 32) & 1) && (!kCausal || j <= i + kv_len - q_len);
  };
  check_policy<TileShape<64, 64>>(policy, batch, 1, q_len, kv_len, c.visible);
  check_policy<TileShape<128, 256>>(policy, batch, 1, q_len, kv_len, c.visible);
  check_engine<E, TileShape<64, 64>>(policy, c);
}

}  // namespace

TEST_CASE("key padding, full and causal") {
  for (int trial = 0; trial < 12; ++trial) {
    check_padding<float, false>(random_int(1, 3), random_int(1, 150), random_int(1, 300));
    check_padding<double, true>(random_int(1, 3), random_int(1, 150), random_int(1, 300));
  }
}
