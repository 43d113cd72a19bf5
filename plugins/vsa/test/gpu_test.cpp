// The GPU side on the emulated GPU: results, gradients, repeats and refusals. Sizes are small: every thread is a fiber.
#include "check.hpp"

#include <fvattn/plugin/gpu/hopper.hpp>

using namespace vsa_test;

namespace {

/// Rows with a gap that keeps them aligned.
Case gpu_case(const Triple& grid, int32_t heads, int32_t kv_heads, int32_t dim, Dtype dtype, int64_t batch = 1) {
  Case c = case_of(grid, heads, kv_heads, dim, dtype, batch);
  c.gap = 8;
  return c;
}

}  // namespace

TEST_SUITE_BEGIN("gpu");

TEST_CASE("forward and gradients of sparse calls") {
  check({5, 6, 4}, gpu_case({5, 6, 4}, 4, 2, 64, plugin::kBF16, 2), {0.5});
  check({5, 6, 7}, gpu_case({5, 6, 7}, 1, 1, 40, plugin::kF16), {0.8, 4});
  check({9, 7, 6}, gpu_case({9, 7, 6}, 1, 1, 24, plugin::kBF16), {0.9});
  check({3, 5, 2}, gpu_case({3, 5, 2}, 2, 1, 128, plugin::kBF16), {0});
  check({3, 5, 2}, gpu_case({3, 5, 2}, 1, 1, 96, plugin::kF16), {1, 1, false});
}

TEST_CASE("more blocks than stages, other blocks of 64 tokens, deterministic or not") {
  check({9, 5, 3}, gpu_case({9, 5, 3}, 2, 1, 128, plugin::kF16), {.sparsity = 0.3});
  check({3, 9, 5}, gpu_case({3, 9, 5}, 1, 1, 64, plugin::kBF16), {.sparsity = 0.5, .tile = {1, 8, 8}});
  check({3, 3, 17}, gpu_case({3, 3, 17}, 1, 1, 24, plugin::kBF16),
        {.sparsity = 0.4, .gate = false, .tile = {2, 2, 16}, .flags = FVATTN_PROBLEM_NEED_DETERMINISM});
}

TEST_CASE("lists of more blocks than a warp reads at once, their blocks nearly empty") {
  if (!plugin::gpu::is_hopper(test_device())) return;  // how the sm90 engine reads lists
  check({1, 45, 5}, gpu_case({1, 45, 5}, 1, 1, 64, plugin::kBF16), {.sparsity = 0.4, .tile = {1, 1, 64}});
}

TEST_CASE("clipped blocks share the steps of a list, more than one step of them") {
  if (!plugin::gpu::is_hopper(test_device())) return;  // how the sm90 engine loads them
  check({1, 30, 9}, gpu_case({1, 30, 9}, 2, 1, 128, plugin::kBF16), {.sparsity = 0.2});
  check({6, 7, 11}, gpu_case({6, 7, 11}, 1, 1, 64, plugin::kF16), {.sparsity = 0.1});
  check({5, 9, 6}, gpu_case({5, 9, 6}, 1, 1, 96, plugin::kBF16, 2), {.sparsity = 0.5, .gate = false});
}

TEST_CASE("every block, negative and other scales") {
  check({4, 4, 4}, gpu_case({4, 4, 4}, 2, 1, 64, plugin::kF16), {0});
  check({5, 9, 3}, gpu_case({5, 9, 3}, 1, 1, 64, plugin::kBF16), {0});
  Case c = gpu_case({5, 3, 6}, 3, 1, 8, plugin::kBF16);
  for (const double scale : {0.4, -0.2}) {
    c.scale = scale;
    check({5, 3, 6}, c, {scale < 0 ? 0.6 : 0});
  }
}

TEST_CASE("logits of 250: gradients of a saturated softmax") {
  for (const Dtype dtype : {plugin::kBF16, plugin::kF16}) check({5, 4, 6}, gpu_case({5, 4, 6}, 1, 1, 64, dtype), {0.5, 16});
}

TEST_CASE("logits of -200: the keys that clipped blocks lack would have probabilities of e^200") {
  const Triple shape{5, 3, 6};
  const Case c = gpu_case(shape, 1, 1, 64, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD, keys.c());
  session.prepare();
  Tensors in = random_inputs(c, 0.1);
  for (const auto& [name, mean] : {std::pair{"q", 5.0}, std::pair{"k", -5.0}}) {
    Tensor& t = in.at(name);
    for (int64_t i = 0; i < t.size(); ++i) t.set(i, t.get(i) + mean);
  }
  const Tensors out = session.forward(in);
  for (const auto& [name, t] : session.backward(in, out, random_like_output(c)))
    for (const double value : t.values()) REQUIRE(std::isfinite(value));
}

TEST_CASE("other tiles: 256 tokens are four tiles of the engine, three tokens one that is nearly empty") {
  check({4, 9, 8}, gpu_case({4, 9, 8}, 1, 1, 16, plugin::kBF16), {0.5, 1, true, {4, 8, 8}});
  check({4, 6, 7}, gpu_case({4, 6, 7}, 1, 1, 16, plugin::kF16), {0.5, 1, false, {4, 6, 6}});
  check({2, 3, 4}, gpu_case({2, 3, 4}, 2, 2, 24, plugin::kF16), {0.7, 1, true, {1, 1, 3}});
}

TEST_CASE("inputs whose rows are not aligned") {
  check({4, 5, 6}, gpu_case({4, 5, 6}, 2, 1, 24, plugin::kBF16), {0.5, 1, true, fvattn::vsa::kTileSize, 3});
}

TEST_CASE("a warm call allocates nothing, and repeats are bitwise equal") {
  const Triple shape{5, 6, 4};
  const Case c = gpu_case(shape, 2, 1, 48, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.5);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_DETERMINISM | FVATTN_PROBLEM_NEED_CAPTURE,
                  keys.c(), {}, {{"gate_compress", random_gate(c)}});
  REQUIRE(session.query().supported);
  session.prepare();
  CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) != 0);
  CHECK((session.plan().flags & FVATTN_PLAN_GRAPH_SAFE) != 0);
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  const int64_t before = Host::get().allocations;
  const Tensors out = session.forward(in), again = session.forward(in);
  const Tensors grads = session.backward(in, out, d_o), grads_again = session.backward(in, out, d_o);
  CHECK(Host::get().allocations == before);
  for (const auto& [name, t] : out) CHECK(t.values() == again.at(name).values());
  CHECK(grads.size() == 4);
  for (const auto& [name, t] : grads) CHECK(t.values() == grads_again.at(name).values());
}

TEST_CASE("the workspace and what is saved of blocks are small beside the sequence") {
  const Triple shape{40, 40, 40};  // 1000 whole blocks
  const Case c = case_of(shape, 4, 4, 64, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.95);
  const auto tensor = static_cast<uint64_t>(c.q_len * c.heads * c.head_dim * 2);
  for (const uint32_t flags : {0u, uint32_t{FVATTN_PROBLEM_NEED_DETERMINISM}}) {
    Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | flags, keys.c(), {},
                    {{"gate_compress", Tensor(c.dtype, {1, c.q_len, 4, 64})}});
    session.prepare();
    // On Hopper, d_q is summed in float32 by atomics unless determinism is asked for.
    const bool sums = plugin::gpu::is_hopper(test_device()) && flags == 0;
    CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) == (sums ? 0u : uint32_t{FVATTN_PLAN_DETERMINISTIC}));
    CHECK(session.plan().ws_forward < tensor / 4);
    CHECK(session.plan().ws_backward - (sums ? 2 * tensor : 0) < tensor / 4);
    for (uint32_t i = 0; i < session.plan().n_saved; ++i) {
      const fvattn_spec& spec = session.plan().saved[i];
      uint64_t bytes = spec.dtype_bits / 8u;
      for (int32_t d = 0; d < spec.ndim; ++d) bytes *= static_cast<uint64_t>(spec.dim[d]);
      CHECK((plugin::view(spec.name) == "o_low" || bytes < tensor / 8));
    }
  }
}

TEST_CASE("what a GPU is refused for") {
  const Case good = case_of({5, 6, 7}, 4, 2, 16, plugin::kBF16);
  const auto reasons = [](const Case& c, uint32_t flags = 0) { return Session(backend(), c, flags).query().reasons; };
  CHECK(reasons(good, FVATTN_PROBLEM_NEED_GRAD) == 0);
  Case c = good;
  c.dtype = plugin::kF32;
  CHECK(reasons(c) == FVATTN_R_DTYPE);
  c.dtype = plugin::kF64;
  CHECK(reasons(c) == FVATTN_R_DTYPE);
  c = good, c.head_dim = c.v_head_dim = 20;
  CHECK(reasons(c) == FVATTN_R_HEAD_DIM);
  c.head_dim = c.v_head_dim = 264;
  CHECK(reasons(c) == FVATTN_R_HEAD_DIM);
  c = good, c.v_head_dim = 8;
  CHECK(reasons(c) == FVATTN_R_HEAD_DIM);
  const auto on = [&](int32_t major, uint64_t shared) {
    const fvattn_device before = test_device();
    test_device().cc_major = major, test_device().smem_optin = shared;
    const uint64_t all = reasons(good, FVATTN_PROBLEM_NEED_GRAD);
    test_device() = before;
    return all;
  };
  CHECK(on(8, 100 * 1024) == 0);
  CHECK(on(7, 100 * 1024) == FVATTN_R_ARCH);
  CHECK(on(8, 48 * 1024) == FVATTN_R_SMEM);
  const std::string many = message_of([] {
    const MetaKeys keys = grid_keys({33, 32, 32}).list("tile_size", {1, 1, 1});
    Session(backend(), case_of({33, 32, 32}, 1, 1, 8, plugin::kBF16), 0, keys.c()).prepare();
  });
  CHECK(many.find("has 33792 blocks, on a GPU up to 32768 are accepted") != std::string::npos);
}

TEST_SUITE_END();
