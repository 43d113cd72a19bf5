#include "backward_check.hpp"
#include "backward_instances.hpp"
#include "policy_data.hpp"

#include <functional>

namespace fvattn::engine::sm90::test {

using sm80::test::Case;
using sm80::test::dense_rule;
using sm80::test::kEmulated;
using sm80::test::Mirrored;
using sm80::test::PolicyPairs;
using sm80::test::random_case;
using sm80::test::random_int;
using sm80::test::Visible;

namespace {

template <class Config, class Policy>
void check_config(const Case& c, const Visible& visible, const Policy& policy) {
  const auto bytes = [&](BackwardArgs args) {
    args.workspace = nullptr;
    std::size_t needed = 0;
    run_backward<Config>(c.type, args, policy, &needed);
    return needed;
  };
  sm80::test::check_backward(
      c, visible, bytes, [&](const BackwardArgs& args) { return run_backward<Config>(c.type, args, policy, nullptr); }, {false});
}

/// `body(config)` with the configuration of a head dim.
template <class Body>
void with_config(int head_dim, const Body& body) {
  if (head_dim <= 64) body(Backward<64>{});
  else if (head_dim <= 96) body(Backward<96>{});
  else body(Backward<128>{});
}

void check_dense(const Case& c, bool causal) {
  CAPTURE(causal);
  with_config(c.head_dim, [&](auto config) {
    using Config = decltype(config);
    if (causal) check_config<Config>(c, dense_rule(c, true), DensePolicy<true>{{c.q_len}, {c.kv_len}});
    else check_config<Config>(c, dense_rule(c, false), DensePolicy<false>{{c.q_len}, {c.kv_len}});
  });
}

/// The policy's own schedule on the host says what is visible. make(on_device, box of queries, box of keys).
template <class Make>
void check_boxes(const Case& c, const Make& make) {
  with_config(c.head_dim, [&](auto config) {
    using Config = decltype(config);
    const Extent3 q_box = Config::kTileQ == 64 ? Extent3{1, 8, 8} : Extent3{2, 8, 8}, kv_box{2, 8, 8};
    const PolicyPairs<TileShape<Config::kTileQ, Config::kTileKv>> pairs(make(false, q_box, kv_box), c.batch, c.q_heads, c.q_len, c.kv_len);
    check_config<Config>(c, std::cref(pairs), make(true, q_box, kv_box));
  });
}

Case random_case_of(int tokens) {
  Case c = random_case(8 * random_int(1, 16));
  c.q_len = c.kv_len = tokens;
  return c;
}

Extent3 random_grid() { return {random_int(1, 5), random_int(1, 12), random_int(2, kEmulated ? 10 : 30)}; }

constexpr int kRounds = kEmulated ? 3 : 20;

}  // namespace

TEST_CASE("backward, dense: every head dim, random lengths, GQA, causal, strides") {
  for (int head_dim = 8; head_dim <= 128; head_dim += 8) {
    if (kEmulated && head_dim % 64 != 0 && head_dim != 24 && head_dim != 80 && head_dim != 104) continue;
    for (const bool causal : {false, true}) check_dense(random_case(head_dim), causal);
  }
}

TEST_CASE("backward, dense: more query tiles than stages") {
  for (const int head_dim : {64, 96, 128}) {
    Case c = random_case(head_dim);
    c.batch = c.kv_heads = 1;
    c.q_heads = 2;
    c.q_len = random_int(400, 700);
    c.kv_len = random_int(60, 140);
    check_dense(c, head_dim == 96);
  }
}

TEST_CASE("backward, causal with more queries than keys: rows without keys have no gradient") {
  Case c = random_case(128);
  c.q_len = 290;
  c.kv_len = 37;
  check_dense(c, true);
}

TEST_CASE("backward, larger inputs and a negative scale") {
  for (const float deviation : {2.0f, 4.0f}) {
    Case c = random_case(64);
    c.deviation = deviation;
    check_dense(c, false);
    c.scale = -c.scale;
    check_dense(c, true);
  }
}

TEST_CASE("backward, boxes of a raster grid with text behind it") {
  for (int i = 0; i < kRounds; ++i) {
    const Extent3 grid = random_grid();
    const int text = i % 2 == 0 ? random_int(1, 150) : 0;
    check_boxes(random_case_of(grid.volume() + text), [&](bool, Extent3 q_box, Extent3 kv_box) {
      return BoxPolicy{{grid, q_box, text}, {grid, kv_box, text}};
    });
  }
}

TEST_CASE("backward, windows per head, with text") {
  for (int i = 0; i < kRounds; ++i) {
    const Extent3 grid = random_grid(), tile{6, 8, 8};
    const int text = random_int(0, 1) * random_int(1, 150);
    const Case c = random_case_of(grid.volume() + text);
    std::vector<Extent3> sizes;
    for (int h = 0; h < c.q_heads; ++h) sizes.push_back({random_int(1, 5), random_int(1, 5), random_int(1, 5)});
    const Mirrored<Extent3> windows(sizes);
    check_boxes(c, [&](bool device, Extent3 q_box, Extent3 kv_box) {
      return WalkedWindowPolicy::of({{grid, q_box, text, 1}, {grid, kv_box, text, 1}, tile, windows.data(device)});
    });
  }
}

}  // namespace fvattn::engine::sm90::test
