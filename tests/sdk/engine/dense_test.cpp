#include <fvattn/engine/cpu/describe.hpp>
#include <fvattn/engine/policies/dense.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"

using namespace engine_test;
using namespace fvattn::engine;

namespace {

template <class E, class Tile, bool kCausal>
void check_dense(int q_len, int kv_len) {
  const DensePolicy<kCausal> policy{{q_len}, {kv_len}};
  const auto sees = [&](int, int, int i, int j) { return !kCausal || j <= i + kv_len - q_len; };
  check_policy<Tile>(policy, 1, 1, q_len, kv_len, sees);
  Case c{random_int(1, 2), q_len, kv_len, 4, random_int(0, 1) ? 2 : 1, random_int(1, 90), random_int(1, 90)};
  c.causal = kCausal;
  c.gap = random_int(0, 9);
  check_engine<E, Tile>(policy, c);
  std::int64_t pairs = 0;
  for (int i = 0; i < q_len; ++i)
    for (int j = 0; j < kv_len; ++j) pairs += sees(0, 0, i, j);
  CHECK(cpu::count_pairs<Tile>(policy, 2, 3) == 6 * pairs);
}

}  // namespace

TEST_CASE_TEMPLATE("full and causal, every element type", E, double, float, cpu::Bf16, cpu::Half) {
  for (int trial = 0; trial < 6; ++trial) {
    check_dense<E, TileShape<64, 64>, false>(random_int(1, 200), random_int(1, 200));
    check_dense<E, TileShape<64, 64>, true>(random_int(1, 200), random_int(1, 200));
  }
}

TEST_CASE_TEMPLATE("other tile shapes", Tile, TileShape<128, 64>, TileShape<64, 128>, TileShape<128, 192>,
                   TileShape<256, 256>) {
  check_dense<float, Tile, false>(random_int(1, 400), random_int(1, 400));
  check_dense<double, Tile, true>(random_int(1, 400), random_int(1, 400));
}

TEST_CASE("head dims up to 256") {
  for (const int dim : {1, 7, 8, 96, 160, 255, 256}) {
    const DensePolicy<true> policy{{70}, {90}};
    check_engine<float, TileShape<64, 64>>(policy, {1, 70, 90, 2, 1, dim, 257 - dim, fvattn::plugin::kF32, true});
  }
}

TEST_CASE("every instruction set of this machine gives the same answer") {
  const DensePolicy<true> policy{{150}, {200}};
  int tried = 0;
  for (const char* target : {"AVX3", "AVX2", "SSE4", "NEON", "EMU128", "SCALAR"}) {
    if (!cpu::use_target(target)) continue;
    ++tried;
    CAPTURE(target);
    const Case c{1, 150, 200, 2, 1, 37, 50, fvattn::plugin::kF32, true};
    check_engine<float, TileShape<64, 64>>(policy, c);
    check_engine<double, TileShape<64, 64>>(policy, c);
    check_engine<cpu::Bf16, TileShape<64, 64>>(policy, c);
    check_engine<cpu::Half, TileShape<64, 64>>(policy, c);
  }
  CHECK(cpu::use_target(""));
  CHECK(tried >= 1);
  CHECK_FALSE(cpu::use_target("no such target"));
}

TEST_CASE("negative and zero scales, no keys, no queries") {
  const Case negative{1, 40, 50, 1, 1, 8, 8, fvattn::plugin::kF32, false, -0.7};
  check_engine<float, TileShape<64, 64>>(DensePolicy<false>{{40}, {50}}, negative);
  const Case nothing{2, 40, 0, 2, 1, 8, 8, fvattn::plugin::kF32};
  check_engine<float, TileShape<64, 64>>(DensePolicy<false>{{40}, {0}}, nothing);
  const Case nobody{2, 0, 40, 2, 1, 8, 8, fvattn::plugin::kF32};
  check_engine<float, TileShape<64, 64>>(DensePolicy<false>{{0}, {40}}, nobody);
}
