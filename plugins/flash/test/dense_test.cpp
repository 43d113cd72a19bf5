#include "flash_test.hpp"

using namespace flash_test;

TEST_CASE("the sweep of the SDK") {
  Suite suite(backend());
  suite.sweep();
  CHECK(suite.report() == 0);
}

TEST_CASE("random shapes, head dims and dtypes") {
  for (int trial = 0; trial < 60; ++trial) {
    Case c;
    c.batch = random_int(1, 3), c.q_len = random_int(1, 200), c.kv_len = random_int(1, 200);
    c.kv_heads = static_cast<int32_t>(random_int(1, 3)), c.heads = c.kv_heads * static_cast<int32_t>(random_int(1, 3));
    c.head_dim = static_cast<int32_t>(random_int(1, 256)), c.v_head_dim = static_cast<int32_t>(random_int(1, 256));
    constexpr Dtype dtypes[] = {plugin::kF64, plugin::kF32, plugin::kBF16, plugin::kF16};
    c.dtype = dtypes[random_int(0, 3)];
    c.causal = random_int(0, 1) == 1;
    c.gap = random_int(0, 3);
    c.scale = random_int(0, 3) == 0 ? 0.3 : 0;
    check(c);
  }
}

TEST_CASE("one key, one query, lengths around a tile") {
  for (const int64_t q_len : {1, 63, 64, 65, 129})
    for (const int64_t kv_len : {1, 2, 64, 127, 128}) check({1, q_len, kv_len, 2, 1, 16, 16, plugin::kF32, q_len % 2 == 0});
}

TEST_CASE("logits of 1e4 stay finite and exact") {
  Case c{1, 70, 90, 2, 2, 32, 32, plugin::kF32};
  Session session(backend(), c);
  session.prepare();
  const Tensors in = random_inputs(c, 42);  // logits of about 42 * 42 * sqrt(32)
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  CHECK(relative_l2(session.forward(in).at("o").values(), reference_forward(c, q, k, v).o) <
        3e-3);  // float32 logits: 1e4 * 2^-24
}

TEST_CASE("repeats are bitwise equal") {
  const Case c{2, 150, 130, 4, 2, 48, 40, plugin::kBF16, true};
  Session session(backend(), c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_DETERMINISM);
  REQUIRE(session.query().supported);
  session.prepare();
  CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) != 0);
  const Tensors in = random_inputs(c);
  const Tensor d_o = Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine());
  const Tensors out = session.forward(in), again = session.forward(in);
  CHECK(out.at("o").values() == again.at("o").values());
  const Tensors grads = session.backward(in, out, d_o), grads_again = session.backward(in, out, d_o);
  for (const auto& [name, t] : grads) CHECK(t.values() == grads_again.at(name).values());
}

TEST_CASE("NaN reaches the rows that see it, and no others") {
  const Case c{1, 100, 100, 1, 1, 8, 8, plugin::kF32, true};
  Session session(backend(), c);
  session.prepare();
  for (const char* name : {"k", "v"}) {
    CAPTURE(name);
    Tensors in = random_inputs(c);
    in.at(name).set(70 * 8 + 3, std::nan(""));  // a number of key 70
    const Tensor o = session.forward(in).at("o");
    for (int64_t i = 0; i < 100; ++i) {
      CAPTURE(i);
      CHECK(std::isnan(o.get(i * 8 + 3)) == (i >= 70));
    }
  }
}
