// Which blocks are kept: ties, layers and steps, the older rule, repeats.
#include "oracle.hpp"

#include <set>

using namespace vsa_test;

namespace {

/// Kept blocks of each query block in one call.
std::vector<int64_t> kept_in(const Triple& shape, const MetaKeys& keys, int32_t layer = 0, int64_t step = 0) {
  const Case c = case_of(shape, 1, 1, 8, plugin::kF32);
  const int64_t blocks = Grid(shape).blocks();
  Session session(backend(), c, 0, keys.c());
  session.problem().layer_index = layer;
  session.call().step = step;
  session.prepare();
  const std::vector<double> mask = described_mask(session, c, random_inputs(c), blocks);
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < blocks; ++row)
    kept.push_back(std::count(mask.begin() + row * blocks, mask.begin() + (row + 1) * blocks, 1.0));
  CHECK(std::set<int64_t>(kept.begin(), kept.end()).size() == 1);
  return kept;
}

}  // namespace

TEST_CASE("equal scores go to the lowest block index") {
  const Triple shape{9, 10, 7};  // 18 blocks
  const int64_t blocks = Grid(shape).blocks();
  for (const Dtype dtype : {plugin::kF32, plugin::kBF16}) {
    const Case c = case_of(shape, 2, 2, 16, dtype);
    const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.7);
    Session session(backend(), c, 0, keys.c());
    session.prepare();
    Tensors in = random_inputs(c);
    in.at("k").fill(std::vector<double>(static_cast<size_t>(in.at("k").size()), 0.5));
    const std::vector<double> mask = described_mask(session, c, in, blocks);
    for (int64_t row = 0; row < 2 * blocks; ++row)
      for (int64_t j = 0; j < blocks; ++j) REQUIRE(mask[static_cast<size_t>(row * blocks + j)] == (j < 6 ? 1 : 0));
  }
}

TEST_CASE("scores that are equal once rounded to bfloat16 tie") {
  const Triple shape{4, 4, 16};  // 4 blocks of 64 tokens in a row
  const Case c = case_of(shape, 1, 1, 1, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.75);
  Session session(backend(), c, 0, keys.c());
  session.prepare();
  Tensors in = random_inputs(c);
  // The products with the last two means, 4.0547 and 4.0758, both round to 4.0625.
  const double of_block[] = {1, 1.0078125, 1.5, 1.5078125};
  for (int64_t i = 0; i < 256; ++i) in.at("q").set(i, 2.703125), in.at("k").set(i, of_block[i % 16 / 4]);
  const std::vector<double> mask = described_mask(session, c, in, 4);
  CHECK(mask == std::vector<double>{0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0});
}

TEST_CASE("NaN and infinite inputs keep k blocks and end") {
  const Triple shape{9, 10, 7};
  const Case c = case_of(shape, 1, 1, 8, plugin::kF32);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.7);
  Session session(backend(), c, 0, keys.c());
  session.prepare();
  Tensors in = random_inputs(c);
  for (int64_t i = 0; i < 40; ++i) in.at("k").set(random_int(0, c.kv_len * 8 - 1), i % 2 ? std::nan("") : HUGE_VAL);
  const std::vector<double> mask = described_mask(session, c, in, 18);
  CHECK(std::count(mask.begin(), mask.end(), 1.0) == 18 * 6);
  session.forward(in);
}

TEST_CASE("sparsity of each layer and of each step") {
  const Triple shape{9, 10, 7};  // 18 blocks
  const MetaKeys layers = grid_keys(shape).numbers("VSA_sparsity", {0.5, 0.9});
  CHECK(kept_in(shape, layers, 0)[0] == 9);
  CHECK(kept_in(shape, layers, 1)[0] == 2);
  CHECK(message_of([&] { kept_in(shape, layers, 2); }).find("VSA_sparsity has values for 2 layers") != std::string::npos);
  const MetaKeys table =
      grid_keys(shape).tensor("VSA_sparsity", Tensor(plugin::kF64, {3, 2}).fill({0, 0.25, 0.5, 0.75, 1, 0.9}));
  CHECK(kept_in(shape, table, 0, 0)[0] == 18);
  CHECK(kept_in(shape, table, 1, 1)[0] == 5);
  CHECK(kept_in(shape, table, 0, 2)[0] == 1);
  CHECK(message_of([&] { kept_in(shape, table, 0, 3); }).find("VSA_sparsity has values for 3 steps") != std::string::npos);
}

TEST_CASE("dense steps and layers attend every key, without the coarse branch") {
  const Triple shape{5, 6, 7};
  const Case c = case_of(shape, 2, 1, 16, plugin::kF64);
  const MetaKeys keys =
      grid_keys(shape).number("VSA_sparsity", 0.8).list("dense_steps", {2, 3}).list("dense_layers", {7});
  for (const auto& [step, layer] : {std::pair<int64_t, int32_t>{2, 0}, {0, 7}, {0, 0}}) {
    Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD, keys.c(), {}, {{"gate_compress", random_gate(c)}});
    session.problem().layer_index = layer;
    session.call().step = step;
    session.prepare();
    CHECK((session.plan().flags & FVATTN_PLAN_GRAPH_PER_STEP) != 0);
    const Tensors in = random_inputs(c);
    const Tensor d_o = random_like_output(c);
    const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
    const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
    const bool dense = step == 2 || layer == 7;
    CHECK((relative_l2(out.at("o").values(), reference_forward(c, q, k, v).o) < 1e-12) == dense);
    const Gradients want = reference_backward(c, q, k, v, d_o.values());
    CHECK((relative_l2(grads.at("d_q").values(), want.q) < 1e-12) == dense);
    const std::vector<double> d_gate = grads.at("d_gate_compress").values();
    CHECK((std::count(d_gate.begin(), d_gate.end(), 0.0) == static_cast<int64_t>(d_gate.size())) == dense);
  }
}

TEST_CASE("the older rule keeps fewer blocks, and none at sparsity 1") {
  const Triple shape{5, 6, 7};  // 8 blocks, 210 / 64 = 3.3
  CHECK(kept_in(shape, grid_keys(shape).flag("reference_topk", true))[0] == 4);
  CHECK(kept_in(shape, grid_keys(shape).flag("reference_topk", true).number("VSA_sparsity", 1))[0] == 0);
  const Case c = case_of(shape, 2, 1, 16, plugin::kF64);
  const MetaKeys none = grid_keys(shape).flag("reference_topk", true).number("VSA_sparsity", 1);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE, none.c());
  session.prepare();
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const Grid grid(shape);
  const Expected want = oracle(c, grid, in, {}, std::vector<double>(2 * 8 * 8, 0.0), d_o.values());
  CHECK(relative_l2(out.at("o").values(), want.o) < 1e-12);
  CHECK(out.at("lse").values() == want.lse);
  CHECK(relative_l2(grads.at("d_q").values(), want.d.q) < 1e-12);
  CHECK(relative_l2(grads.at("d_v").values(), want.d.v) < 1e-12);
}

TEST_CASE("repeats are bitwise equal") {
  const Triple shape{9, 10, 7};
  const Case c = case_of(shape, 4, 2, 48, plugin::kBF16, 2);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.8);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_DETERMINISM, keys.c(), {},
                  {{"gate_compress", random_gate(c)}});
  REQUIRE(session.query().supported);
  session.prepare();
  CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) != 0);
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  const Tensors out = session.forward(in), again = session.forward(in);
  for (const auto& [name, t] : out) CHECK(t.values() == again.at(name).values());
  const Tensors grads = session.backward(in, out, d_o), grads_again = session.backward(in, out, d_o);
  CHECK(grads.size() == 4);
  for (const auto& [name, t] : grads) CHECK(t.values() == grads_again.at(name).values());
}
