// The GPU side on the emulator: which kernel serves what, and its glue. The engines' own tests go deeper.
#include "flash_test.hpp"

using namespace flash_test;

namespace {

Case random_gpu_case() {
  Case c;
  c.batch = random_int(1, 2), c.q_len = random_int(1, 150), c.kv_len = random_int(1, 200);
  c.kv_heads = 1, c.heads = static_cast<int32_t>(random_int(1, 3));
  c.head_dim = c.v_head_dim = static_cast<int32_t>(8 * random_int(1, 16));
  c.dtype = random_int(0, 1) ? plugin::kBF16 : plugin::kF16;
  c.causal = random_int(0, 1) == 1;
  c.scale = random_int(0, 3) == 0 ? 0.3 : 0;
  return c;
}

Tensor lengths_of(const std::vector<double>& cu) { return Tensor(plugin::kI32, {static_cast<int64_t>(cu.size())}).fill(cu); }

}  // namespace

TEST_SUITE_BEGIN("gpu");

TEST_CASE("dense: random shapes and strides, gradients") {
  for (int trial = 0; trial < 12; ++trial) {
    Case c = random_gpu_case();
    c.gap = 8 * random_int(0, 3);
    check(c);
  }
}

TEST_CASE("inputs whose rows do not start at multiples of 16 bytes are copied") {
  Case c = random_gpu_case();
  c.q_len += 1, c.kv_len += 1;  // the stride of a single row is never used, and such an input not copied
  Session session(backend(), c);
  session.prepare();
  Tensors in = random_inputs(c);
  for (auto& [name, t] : in) {
    Tensor odd(t.dtype(), t.shape(), random_int(1, 7));
    t = odd.fill(t.values());
  }
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  const int64_t allocations = Host::get().allocations;
  CHECK(relative_l2(session.forward(in).at("o").values(), reference_forward(c, q, k, v).o) <= tolerance(c.dtype));
  CHECK(Host::get().allocations == allocations + 3);
}

TEST_CASE("dense: the deterministic mode") {
  Case c = random_gpu_case();
  check(c, {}, FVATTN_PROBLEM_NEED_DETERMINISM);
}

TEST_CASE("a negative scale") {
  Case c = random_gpu_case();
  c.scale = -0.2;
  check(c);
}

TEST_CASE("key-padding masks") {
  for (int trial = 0; trial < 4; ++trial) {
    Case c = random_gpu_case();
    Tensor mask(trial % 2 ? plugin::kBool : plugin::kI64, {c.batch, c.kv_len});
    for (int64_t i = 0; i < mask.size(); ++i) mask.set(i, random_int(0, 3) > 0);
    c.visible = [&](int64_t b, int64_t, int64_t, int64_t j) { return mask.get(b * c.kv_len + j) != 0; };
    check(c, {{"mask", mask}});
  }
}

TEST_CASE("packed sequences") {
  for (const bool causal : {false, true}) {
    Case c = random_gpu_case();
    const std::vector<double> cu_q{0, 40, 40, 121}, cu_k{0, 33, 70, 130};
    c.batch = 1, c.q_len = 121, c.kv_len = 130, c.causal = causal;
    c.visible = [&](int64_t, int64_t, int64_t i, int64_t j) {
      const auto sequence = [](const std::vector<double>& cu, int64_t row) {
        size_t s = 0;
        while (static_cast<double>(row) >= cu[s + 1]) ++s;
        return s;
      };
      const size_t s = sequence(cu_q, i);
      if (sequence(cu_k, j) != s) return false;
      return !causal || static_cast<double>(j) - cu_k[s] <= static_cast<double>(i) - cu_q[s] + (cu_k[s + 1] - cu_k[s]) - (cu_q[s + 1] - cu_q[s]);
    };
    c.causal = false;
    const uint32_t flags = FVATTN_PROBLEM_VARLEN | (causal ? uint32_t{FVATTN_PROBLEM_CAUSAL} : 0);
    check(c, {{"cu_seqlens_q", lengths_of(cu_q)}, {"cu_seqlens_k", lengths_of(cu_k)}}, flags);
  }
}

TEST_CASE("describe reads a mask in device memory") {
  const Case c{1, 100, 130, 2, 1, 16, 16, plugin::kBF16};
  Tensor mask(plugin::kBool, {130});
  int64_t seen = 0;
  for (int64_t j = 0; j < 130; ++j) {
    mask.set(j, j >= 70);
    seen += j >= 70;
  }
  Session session(backend(), c, 0, {}, {}, {{"mask", mask}});
  session.prepare();
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {1, 2, 2, 3})}, {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(random_inputs(c), out);
  CHECK(out.at("pairs").get(0) == static_cast<double>(2 * 100 * seen));
  CHECK(out.at("mask_tiles").values() == std::vector<double>{0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1});
}

TEST_CASE("what has no kernel is refused") {
  const auto reasons = [](const Case& c) { return Session(backend(), c).query().reasons; };
  Case c = random_gpu_case();
  c.dtype = plugin::kF32;
  CHECK((reasons(c) & FVATTN_R_DTYPE) != 0);
  c = random_gpu_case();
  c.head_dim = c.v_head_dim = 12;
  CHECK((reasons(c) & FVATTN_R_HEAD_DIM) != 0);
  c.head_dim = 16, c.v_head_dim = 24;
  CHECK((reasons(c) & FVATTN_R_HEAD_DIM) != 0);
}

TEST_SUITE_END();
