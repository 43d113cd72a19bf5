#include "arguments.hpp"
#include "policy_data.hpp"
#include "policy_instances.hpp"

#include <functional>

namespace fvattn::engine::sm90::test {

using sm80::test::kEmulated;
using sm80::test::Mirrored;
using sm80::test::PolicyPairs;
using sm80::test::random_case;
using sm80::test::random_int;
using sm80::test::RandomLists;

namespace {

/// `make(on_device)` gives the policy; what it shows comes from the policy itself, on the host.
template <class Config, class Make>
void check_config(const Case& c, const Make& make) {
  const PolicyPairs<TileShape<Config::kTileQ, Config::kTileKv>> pairs(make(false), c.batch, c.q_heads, c.q_len, c.kv_len);
  sm80::test::check_forward(c, std::cref(pairs), [&](const sm80::ForwardArgs& from) {
    return run_policy<Config>(c.type, converted(from, c), make(true));
  });
}

template <template <int> class Config, class Make>
void check_policy(const Case& c, const Make& make) {
  if (c.head_dim > 64) check_config<Config<128>>(c, make);
  else check_config<Config<64>>(c, make);
}

Case random_case_of(int tokens) {
  Case c = random_case(8 * random_int(1, 16));
  c.q_len = c.kv_len = tokens;
  return c;
}

Extent3 random_grid() { return {random_int(1, 7), random_int(1, 12), random_int(2, kEmulated ? 12 : 30)}; }

constexpr int kRounds = kEmulated ? 4 : 20;

std::vector<Extent3> random_windows(int heads) {
  std::vector<Extent3> sizes;
  for (int h = 0; h < heads; ++h) sizes.push_back({random_int(1, 5), random_int(1, 5), random_int(1, 5)});
  return sizes;
}

}  // namespace

TEST_CASE("boxes of a raster grid with text behind it") {
  for (int i = 0; i < kRounds; ++i) {
    const Extent3 grid = random_grid(), boxes[] = {{4, 4, 4}, {1, 8, 8}, {16, 2, 2}, {1, 4, 16}};
    const int text = i % 2 == 0 ? random_int(1, 150) : 0;
    const BoxMap map{grid, boxes[random_int(0, 3)], text};
    check_policy<Blocks>(random_case_of(grid.volume() + text), [&](bool) { return BoxPolicy{map, map}; });
  }
}

TEST_CASE("windows per head, with text") {
  for (int i = 0; i < kRounds; ++i) {
    const Extent3 grid = random_grid(), tile{6, 8, 8}, small{2, 4, 8};
    const int text = random_int(0, 1) * random_int(1, 150);
    const Case c = random_case_of(grid.volume() + text);
    const Mirrored<Extent3> windows(random_windows(c.q_heads));
    const BoxMap pair{grid, {2, 8, 8}, text, 1}, block{grid, small, text, 1};
    check_policy<Windows>(c, [&](bool device) { return WalkedWindowPolicy::of({pair, pair, tile, windows.data(device)}); });
    check_policy<Blocks>(c, [&](bool device) { return WalkedWindowPolicy::of({block, block, small, windows.data(device)}); });
  }
}

TEST_CASE("lists of key blocks, some empty: runs and boxes") {
  for (int i = 0; i < kRounds; ++i) {
    const Extent3 grid = random_grid();
    const Case c = random_case_of(grid.volume());
    const BoxMap map{grid, {4, 4, 4}, 0, 1};
    const RandomLists of_boxes(c.batch, c.q_heads, map.boxes(), map.boxes());
    check_policy<Blocks>(c, [&](bool device) {
      return ListPolicy<BoxMap>{map, map, of_boxes.lists(device), of_boxes.inverse(device)};
    });
    const int tiles = ceil_div(c.q_len, 64);
    const RandomLists of_runs(c.batch, c.q_heads, tiles, tiles);
    check_policy<Blocks>(c, [&](bool device) {
      return ListPolicy<LinearMap>{{c.q_len}, {c.kv_len}, of_runs.lists(device), of_runs.inverse(device)};
    });
  }
}

TEST_CASE("boxes that are no tiles of the configuration are refused") {
  Case c = random_case_of(64);
  const sm80::test::TestTensor q(c.type, c.q_shape(), 0);
  for (const Extent3 box : {Extent3{2, 4, 4}, Extent3{8, 4, 4}, Extent3{5, 3, 4}}) {
    const BoxMap map{{4, 4, 4}, box};
    ForwardArgs args;
    args.batch = args.heads = args.kv_heads = 1;
    args.q_tokens = args.kv_tokens = 64;
    args.scale = 1;
    CHECK(run_policy<Blocks<64>>(c.type, args, BoxPolicy{map, map}) == cudaErrorInvalidValue);
  }
}

}  // namespace fvattn::engine::sm90::test
