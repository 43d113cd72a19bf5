#include "sta_test.hpp"

using namespace sta_test;

namespace {

Rule random_rule() {
  Rule rule;
  if (on_gpu()) {  // few tiles, since the emulator is slow
    for (size_t a = 0; a < 3; ++a) rule.grid[a] = random_int(1, a == 0 ? 3 : 5), rule.tile[a] = random_int(2, 4);
  } else {
    for (size_t a = 0; a < 3; ++a) rule.grid[a] = random_int(1, a == 0 ? 7 : 11), rule.tile[a] = random_int(1, 5);
  }
  if (random_int(0, 3) == 0) rule.tile = {6, 8, 8};
  rule.text = random_int(0, 2) == 0 ? 0 : random_int(1, 70);
  return rule;
}

}  // namespace

TEST_CASE("random grids, windows of every size, mixed over heads, with and without text") {
  for (int trial = 0; trial < (on_gpu() ? 8 : 40); ++trial) {
    const Rule rule = random_rule();
    const int kv_heads = random_int(1, 2), heads = kv_heads * random_int(1, on_gpu() && kv_heads == 2 ? 1 : 2);
    constexpr Dtype dtypes[] = {plugin::kF64, plugin::kF32, plugin::kBF16, plugin::kF16};
    const int32_t dim = random_int(1, 20), gpu_dim = 8 * random_int(1, 16);
    Case c = on_gpu() ? rule.problem(heads, kv_heads, gpu_dim, gpu_dim, dtypes[2 + trial % 2])
                      : rule.problem(heads, kv_heads, dim, random_int(1, 20), dtypes[trial % 4]);
    c.batch = random_int(1, 2);
    c.gap = random_int(0, 2) * (on_gpu() ? 8 : 1);
    c.scale = trial % 5 == 0 ? 0.3 : 0;
    std::vector<Window> windows;
    for (int h = 0; h < heads; ++h) windows.push_back({random_int(1, 8), random_int(1, 12), random_int(1, 12)});
    c.visible = [&](int64_t, int64_t h, int64_t i, int64_t j) { return rule.sees(windows[static_cast<size_t>(h)], i, j); };
    CAPTURE(trial);
    const Meta meta = rule.meta().windows("window_size", windows);
    Session session(backend(), c, kAll | (trial % 3 == 0 ? FVATTN_PROBLEM_NEED_DETERMINISM : 0u), meta.c());
    session.problem().text_len = rule.text;
    const Answer answer = session.query();
    REQUIRE_MESSAGE(answer.supported, answer.text());
    session.prepare();
    check(session, c);
  }
}

TEST_CASE("the shipped tile on a clipped grid") {
  const Rule rule{{7, on_gpu() ? 9 : 17, on_gpu() ? 12 : 20}, {6, 8, 8}, 5};
  Case c = rule.problem(2, 1, 16, 16, type_for_device(plugin::kF32, plugin::kF16));
  const std::vector<Window> windows{{1, 3, 1}, {2, 1, 3}};
  c.visible = [&](int64_t, int64_t h, int64_t i, int64_t j) { return rule.sees(windows[static_cast<size_t>(h)], i, j); };
  const Meta meta = rule.meta().windows("window_size", windows);
  Session session(backend(), c, kAll, meta.c());
  session.problem().text_len = rule.text;
  session.prepare();
  check(session, c);
}

TEST_CASE("one window of huge extents is dense attention, bit by bit") {
  const Rule rule{{5, 9, 10}, {2, 4, 4}, 7};
  const Case c = rule.problem(2, 2, 16, 16, type_for_device(plugin::kF32));
  const Tensors in = random_inputs(c);
  const auto run = [&](Meta meta) {
    Session session(backend(), c, 0, meta.c());
    session.problem().text_len = rule.text;
    session.prepare();
    return session.forward(in).at("o").values();
  };
  const std::vector<double> none = run(rule.meta().text("STA_mode", "None"));
  CHECK(run(rule.meta().list("window_size", {1000000000, 1000000000, 1000000000})) == none);
  CHECK(run(rule.meta().list("window_size", {3, 3, 2})) == none);  // 3 x 3 x 3 tiles; 2 attends 3
  CHECK(run(rule.meta().list("window_size", {3, 3, 1})) != none);
  CHECK(run(rule.meta().list("window_size", {1, 1, 1}).list("dense_steps", {0})) == none);
  CHECK(run(rule.meta().list("window_size", {1, 1, 1}).list("dense_layers", {0})) == none);
  const Reference want = reference_forward(c, in.at("q").values(), in.at("k").values(), in.at("v").values());
  CHECK(relative_l2(none, want.o) < tolerance(c.dtype));
}

TEST_CASE("NaN reaches the rows that see it, and no others; repeats are bitwise equal") {
  const Rule rule{{4, 6, 6}, {2, 3, 2}, 3};
  const Case c = rule.problem(1, 1, 8, 8, type_for_device(plugin::kF32));
  const Meta meta = rule.meta().list("window_size", {1, 1, 1});
  Session session(backend(), c, 0, meta.c());
  session.problem().text_len = rule.text;
  session.prepare();
  CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) != 0);
  Tensors in = random_inputs(c);
  CHECK(session.forward(in).at("o").values() == session.forward(in).at("o").values());
  in.at("v").set(40 * 8 + 1, std::nan(""));
  const Tensor o = session.forward(in).at("o");
  for (int64_t i = 0; i < c.q_len; ++i) CHECK(std::isnan(o.get(i * 8 + 1)) == rule.sees({1, 1, 1}, i, 40));
}

TEST_CASE("the tiled layout is the raster one, permuted") {
  for (const std::array<int, 3> grid : {std::array<int, 3>{6, 8, 16}, {5, 7, 9}}) {
    const Rule rule{grid, {2, 4, 4}, 6};
    const Case c = rule.problem(2, 1, 8, 8, type_for_device(plugin::kF64, plugin::kF16));
    Case tiled = c;
    // From the definition: position p of the tiled sequence, in a grid that may be clipped.
    std::vector<int64_t> order;
    for (int t0 = 0; t0 < grid[0]; t0 += 2)
      for (int h0 = 0; h0 < grid[1]; h0 += 4)
        for (int w0 = 0; w0 < grid[2]; w0 += 4)
          for (int u = 0; u < 32; ++u) {
            const int t = t0 + u / 16, h = h0 + u / 4 % 4, w = w0 + u % 4;
            if (t < grid[0] && h < grid[1] && w < grid[2]) order.push_back((t * grid[1] + h) * grid[2] + w);
          }
    for (int i = 0; i < rule.text; ++i) order.push_back(rule.video() + i);
    tiled.visible = [&](int64_t, int64_t, int64_t i, int64_t j) {
      return rule.sees({1, 3, 1}, order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
    };
    const Meta meta = rule.meta().list("window_size", {1, 3, 1}).text("layout", "tiled");
    Session session(backend(), tiled, kAll, meta.c());
    session.problem().text_len = rule.text;
    session.prepare();
    check(session, tiled);
    Tensors out{{"q_tile", Tensor(plugin::kI32, {c.q_len})}};
    session.describe(random_inputs(c), out);
    for (int64_t i = 1; i < rule.video(); ++i) CHECK(out["q_tile"].get(i) >= out["q_tile"].get(i - 1));
  }
}

TEST_CASE("describe counts pairs and marks tiles") {
  const Rule rule{{4, 9, 10}, {2, 4, 4}, 5};
  const Case c = rule.problem(2, 1, 8, 8, type_for_device(plugin::kF32));
  const std::vector<Window> windows{{1, 3, 1}, {2, 1, 9}};
  const Meta meta = rule.meta().windows("window_size", windows);
  Session session(backend(), c, 0, meta.c());
  session.problem().text_len = rule.text;
  session.prepare();
  const Tensors in = random_inputs(c);
  Tensors counts{{"tile_counts", Tensor(plugin::kI64, {2})}};
  session.describe(in, counts);
  const auto tiles = static_cast<int64_t>(counts["tile_counts"].get(0));
  CHECK(counts["tile_counts"].get(1) == tiles);
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {1, 2, tiles, tiles})},
              {"q_tile", Tensor(plugin::kI32, {c.q_len})},
              {"k_tile", Tensor(plugin::kI32, {c.q_len})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(in, out);
  double pairs = 0;
  std::vector<double> seen(static_cast<size_t>(2 * tiles * tiles), 0);
  for (int64_t h = 0; h < 2; ++h)
    for (int64_t i = 0; i < c.q_len; ++i)
      for (int64_t j = 0; j < c.q_len; ++j)
        if (rule.sees(windows[static_cast<size_t>(h)], i, j))
          ++pairs, seen[static_cast<size_t>((h * tiles + static_cast<int64_t>(out["q_tile"].get(i))) * tiles +
                                            static_cast<int64_t>(out["k_tile"].get(j)))] = 1;
  CHECK(out["pairs"].get(0) == pairs);
  CHECK(out["mask_tiles"].values() == seen);
}
