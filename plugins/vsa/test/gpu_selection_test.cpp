// Which blocks the GPU keeps: those that the CPU keeps.
#include "oracle.hpp"

using namespace vsa_test;

namespace {

/// Tensors and sessions made while it lives are the CPU's.
class OnCpu {
 public:
  OnCpu() { test_device() = cpu_device(); }
  ~OnCpu() { test_device() = before_; }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  fvattn_device before_ = test_device();
};

std::vector<double> kept(const Case& c, const MetaKeys& keys, const Tensors& in, int64_t blocks) {
  Session session(backend(), c, 0, keys.c());
  session.prepare();
  return described_mask(session, c, in, blocks);
}
std::vector<double> kept_by_cpu(const Case& c, const MetaKeys& keys, const Tensors& in, int64_t blocks) {
  const OnCpu cpu;
  return kept(c, keys, in, blocks);
}

/// One small integer a channel for all tokens of a block: means and products are exact, so many scores are equal.
Tensors exact_inputs(const Case& c, const Grid& grid) {
  Tensors in = random_inputs(c);
  for (const char* name : {"q", "k"}) {
    Tensor& t = in.at(name);
    const int64_t row = t.shape()[2] * t.shape()[3];
    std::vector<double> of_block(static_cast<size_t>(c.batch * grid.blocks() * row));
    for (double& value : of_block) value = static_cast<double>(random_int(-2, 2));
    for (int64_t i = 0; i < t.size(); ++i) {
      const int64_t token = i / row % c.q_len, batch = i / row / c.q_len;
      t.set(i, of_block[static_cast<size_t>((batch * grid.blocks() + grid.block_of[static_cast<size_t>(token)]) * row +
                                            i % row)]);
    }
  }
  return in;
}

}  // namespace

TEST_SUITE_BEGIN("gpu");

TEST_CASE("exact scores: the lists are the CPU's") {
  struct {
    Triple shape, tile;
    int32_t heads, kv_heads, dim;
    double sparsity;
  } const cases[] = {{{9, 10, 7}, {4, 4, 4}, 4, 2, 16, 0.7},
                     {{9, 10, 13}, {4, 4, 4}, 1, 1, 128, 0.9},
                     {{6, 9, 10}, {2, 3, 5}, 2, 2, 72, 0.5},
                     {{2, 20, 20}, {1, 1, 1}, 1, 1, 8, 0.97}};  // 800 blocks: fewer query blocks a CTA
  int trial = 0;
  for (const auto& [shape, tile, heads, kv_heads, dim, sparsity] : cases) {
    CAPTURE(fvattn::vsa::detail::text(shape));
    Case c = case_of(shape, heads, kv_heads, dim, trial % 2 ? plugin::kF16 : plugin::kBF16, 1 + trial % 2);
    c.scale = trial == 2 ? -0.3 : 0;
    ++trial;
    const Grid grid(shape, tile);
    const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", sparsity).list("tile_size", {tile[0], tile[1], tile[2]});
    const Tensors in = exact_inputs(c, grid);
    CHECK(kept(c, keys, in, grid.blocks()) == kept_by_cpu(c, keys, in, grid.blocks()));
  }
}

TEST_CASE("rounded scores: rows that differ from the CPU's are rare") {
  const Triple shape{9, 10, 13};  // 36 blocks
  const Case c = case_of(shape, 4, 2, 64, plugin::kBF16, 2);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.8);
  const Tensors in = random_inputs(c);
  const std::vector<double> gpu = kept(c, keys, in, 36), cpu = kept_by_cpu(c, keys, in, 36);
  int64_t differ = 0;
  for (int64_t row = 0; row < 2 * 4 * 36; ++row)
    differ += !std::equal(gpu.begin() + row * 36, gpu.begin() + (row + 1) * 36, cpu.begin() + row * 36);
  CHECK(differ <= 3);
}

TEST_CASE("equal scores go to the lowest block index; NaN ranks as -inf, -0 as 0") {
  const Triple shape{9, 10, 7};  // 18 blocks
  const Grid grid(shape);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.7);
  for (const Dtype dtype : {plugin::kBF16, plugin::kF16}) {
    const Case c = case_of(shape, 1, 1, 16, dtype);
    Tensors in = random_inputs(c);
    in.at("k").fill(std::vector<double>(static_cast<size_t>(in.at("k").size()), 0.5));
    const std::vector<double> mask = kept(c, keys, in, 18);
    for (int64_t i = 0; i < 18 * 18; ++i) REQUIRE(mask[static_cast<size_t>(i)] == (i % 18 < 6 ? 1 : 0));

    in = exact_inputs(c, grid);
    for (int64_t i = 0; i < in.at("k").size(); ++i) {
      const int64_t block = grid.block_of[static_cast<size_t>(i / 16)];
      if (block == 3) in.at("k").set(i, std::nan(""));
      if (block == 4) in.at("k").set(i, HUGE_VAL);
      if (block > 6) in.at("k").set(i, i % 2 ? -0.0 : 0.0);
    }
    CHECK(kept(c, keys, in, 18) == kept_by_cpu(c, keys, in, 18));

    in.at("q").fill(std::vector<double>(static_cast<size_t>(in.at("q").size()), 1.0));
    for (int64_t i = 0; i < in.at("k").size(); ++i) {
      const int64_t block = grid.block_of[static_cast<size_t>(i / 16)];
      in.at("k").set(i, block > 15 ? 1 : block % 2 ? std::nan("") : -HUGE_VAL);
    }
    const std::vector<double> endless = kept(c, keys, in, 18);
    for (int64_t i = 0; i < 18 * 18; ++i) REQUIRE(endless[static_cast<size_t>(i)] == (i % 18 < 4 || i % 18 > 15 ? 1 : 0));
  }
}

TEST_CASE("the older rule may keep nothing: the coarse branch alone is left") {
  const Triple shape{5, 6, 3};
  const Case c = case_of(shape, 2, 1, 16, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape).flag("reference_topk", true).number("VSA_sparsity", 1);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE, keys.c());
  session.prepare();
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const Grid grid(shape);
  const Expected want = oracle(c, grid, in, {}, std::vector<double>(2 * 4 * 4, 0.0), d_o.values());
  CHECK(relative_l2(out.at("o").values(), want.o) < 1e-2);
  CHECK(out.at("lse").values() == want.lse);
  CHECK(relative_l2(grads.at("d_q").values(), want.d.q) < 2.5e-2);
  CHECK(relative_l2(grads.at("d_v").values(), want.d.v) < 2.5e-2);
}

TEST_CASE("dense steps attend every key, without the coarse branch") {
  const Triple shape{5, 4, 7};
  const Case c = case_of(shape, 2, 1, 16, plugin::kF16);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.5).list("dense_steps", {2});
  for (const int64_t step : {2, 0}) {
    Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD, keys.c(), {}, {{"gate_compress", random_gate(c)}});
    session.call().step = step;
    session.prepare();
    CHECK((session.plan().flags & FVATTN_PLAN_GRAPH_PER_STEP) != 0);
    const Tensors in = random_inputs(c);
    const Tensor d_o = random_like_output(c);
    const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
    const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
    CHECK((relative_l2(out.at("o").values(), reference_forward(c, q, k, v).o) < 4e-3) == (step == 2));
    const Gradients want = reference_backward(c, q, k, v, d_o.values());
    CHECK((relative_l2(grads.at("d_q").values(), want.q) < 1e-2) == (step == 2));
    const std::vector<double> d_gate = grads.at("d_gate_compress").values();
    CHECK((std::count(d_gate.begin(), d_gate.end(), 0.0) == static_cast<int64_t>(d_gate.size())) == (step == 2));
  }
}

TEST_SUITE_END();
