#include "verify/case_table.hpp"

#include <algorithm>
#include <random>

namespace fvattn::verify {
namespace {

constexpr double kExtreme = 2500;  // of 1000 normal numbers the largest is about 4 times that: logits of 1e4

const Case kCorners[] = {
    {.group = "one key", .q_len = 33, .kv_len = 1},
    {.group = "one query", .q_len = 1, .kv_len = 77},
    {.group = "one of both", .batch = 2, .q_len = 1, .kv_len = 1},
    {.group = "one query", .q_len = 1, .kv_len = 300, .heads = 4, .kv_heads = 1, .dim = 128, .causal = true},
    {.group = "tiles", .q_len = 128, .kv_len = 128, .dim = 128},
    {.group = "tiles", .q_len = 129, .kv_len = 127, .dim = 128},
    {.group = "tiles", .q_len = 255, .kv_len = 257, .dim = 64},
    {.group = "causal", .q_len = 200, .kv_len = 200, .dim = 128, .causal = true},
    {.group = "causal", .batch = 2, .q_len = 65, .kv_len = 193, .causal = true},
    {.group = "causal", .q_len = 190, .kv_len = 61, .heads = 3, .kv_heads = 3, .causal = true},  // rows without keys
    {.group = "gqa", .batch = 2, .q_len = 97, .kv_len = 161, .heads = 8, .kv_heads = 2, .dim = 128},
    {.group = "gqa", .q_len = 150, .kv_len = 150, .heads = 6, .kv_heads = 1, .causal = true},
    {.group = "extreme", .q_len = 100, .kv_len = 130, .dim = 64, .spread = kExtreme},
    {.group = "extreme", .q_len = 140, .kv_len = 140, .dim = 128, .causal = true, .spread = kExtreme},
    // q and k four and sixteen times as large as normal numbers: logits that many times squared.
    {.group = "inputs", .q_len = 150, .kv_len = 170, .heads = 4, .kv_heads = 2, .dim = 128, .spread = 4 * 4},
    {.group = "inputs", .batch = 2, .q_len = 170, .kv_len = 170, .causal = true, .spread = 16 * 16},
    {.group = "scale", .q_len = 70, .kv_len = 90, .scale = 1.0},
    {.group = "scale", .q_len = 70, .kv_len = 90, .scale = 1e-3},
    {.group = "key mask", .batch = 3, .q_len = 80, .kv_len = 143, .mask = KeyMask::random},
    {.group = "key mask", .batch = 2, .q_len = 130, .kv_len = 130, .dim = 128, .causal = true, .mask = KeyMask::random},
    {.group = "no keys", .batch = 2, .q_len = 50, .kv_len = 70, .mask = KeyMask::hides_a_row},
    {.group = "strides",
     .batch = 2,
     .q_len = 90,
     .kv_len = 75,
     .heads = 3,
     .kv_heads = 3,
     .dim = 128,
     .layout = Layout::gaps},
    {.group = "strides", .batch = 2, .q_len = 65, .kv_len = 140, .heads = 4, .kv_heads = 2, .layout = Layout::heads_first},
    {.group = "strides", .batch = 1, .q_len = 144, .kv_len = 144, .dim = 40, .causal = true, .layout = Layout::gaps},
    {.group = "packed", .q_len = 200, .kv_len = 210, .cu_q = {0, 1, 60, 60, 200}, .cu_k = {0, 70, 70, 90, 210}},
    {.group = "packed",
     .q_len = 173,
     .kv_len = 173,
     .dim = 128,
     .causal = true,
     .cu_q = {0, 130, 131, 173},
     .cu_k = {0, 130, 131, 173}},
    {.group = "packed",
     .q_len = 60,
     .kv_len = 300,
     .heads = 4,
     .kv_heads = 2,
     .layout = Layout::gaps,
     .cu_q = {0, 20, 60},
     .cu_k = {0, 260, 300}},
};

constexpr int32_t kDims[] = {8, 16, 40, 64, 72, 80, 96, 120, 128, 160, 192, 256};

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int64_t between(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(engine_); }
  bool chance(double p) { return std::uniform_real_distribution<double>()(engine_) < p; }

 private:
  std::mt19937_64 engine_;
};

std::vector<int32_t> cuts(Dice& dice, int64_t pieces, int64_t length) {
  std::vector<int32_t> at{0, static_cast<int32_t>(length)};
  for (int64_t i = 1; i < pieces; ++i) at.push_back(static_cast<int32_t>(dice.between(0, length)));
  std::sort(at.begin(), at.end());
  return at;
}

Case random_case(Dice& dice) {
  Case c{.group = "random"};
  c.batch = dice.between(1, 3);
  c.q_len = dice.between(1, 300);
  c.kv_len = dice.chance(0.5) ? c.q_len : dice.between(1, 300);
  c.kv_heads = static_cast<int32_t>(dice.between(1, 3));
  c.heads = c.kv_heads * static_cast<int32_t>(dice.chance(0.6) ? 1 : dice.between(2, 4));
  c.dim = dice.chance(0.5) ? (dice.chance(0.5) ? 64 : 128) : kDims[dice.between(0, std::size(kDims) - 1)];
  c.causal = dice.chance(0.4);
  if (dice.chance(0.1)) c.spread = kExtreme;
  if (dice.chance(0.15)) c.mask = KeyMask::random;
  c.layout = static_cast<Layout>(dice.chance(0.6) ? 0 : dice.between(1, 2));
  if (c.mask == KeyMask::none && dice.chance(0.15)) {
    c.batch = 1;
    const int64_t pieces = dice.between(1, 5);
    c.cu_q = cuts(dice, pieces, c.q_len);
    c.cu_k = cuts(dice, pieces, c.kv_len);
  }
  return c;
}

Case on_grid(std::vector<int64_t> grid, int32_t dim, int32_t layer, Layout layout = Layout::contiguous) {
  Case c{.group = "grid"};
  c.q_len = c.kv_len = grid[0] * grid[1] * grid[2];
  c.grid = std::move(grid);
  c.dim = dim;
  c.layer_index = layer;
  c.layout = layout;
  return c;
}

}  // namespace

std::vector<Case> dense_cases(Effort effort, uint64_t seed) {
  std::vector<Case> cases(std::begin(kCorners), std::end(kCorners));
  if (effort != Effort::quick)
    for (const int32_t dim : kDims) cases.push_back({.group = "dim", .q_len = 70, .kv_len = 135, .dim = dim});
  if (effort == Effort::full)
    for (int64_t length = 1; length <= 300; ++length)
      cases.push_back({.group = "length", .q_len = length, .kv_len = length, .causal = length % 2 == 0});
  Dice dice(seed);
  const int random = effort == Effort::quick ? 16 : effort == Effort::normal ? 100 : 1000;
  for (int i = 0; i < random; ++i) cases.push_back(random_case(dice));
  return cases;
}

std::vector<Case> grid_cases(Effort effort, uint64_t seed) {
  std::vector<Case> cases;
  for (int32_t layer = 0; layer < 3; ++layer) {  // VMoBA takes turns between temporal, spatial and both
    cases.push_back(on_grid({8, 8, 12}, 64, layer));
    cases.push_back(on_grid({5, 6, 7}, 128, layer, Layout::gaps));
    if (effort == Effort::quick) continue;
    cases.push_back(on_grid({12, 16, 16}, 128, layer));
    cases.push_back(on_grid({7, 9, 11}, 64, layer, Layout::heads_first));
  }
  Dice dice(seed);
  const int random = effort == Effort::quick ? 2 : effort == Effort::normal ? 12 : 60;
  for (int i = 0; i < random; ++i) {
    Case c = on_grid({dice.between(1, 9), dice.between(4, 17), dice.between(4, 17)}, dice.chance(0.5) ? 64 : 128,
                     static_cast<int32_t>(dice.between(0, 2)), static_cast<Layout>(dice.between(0, 2)));
    c.batch = dice.between(1, 2);
    if (dice.chance(0.3)) c.spread = 30;
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace fvattn::verify
