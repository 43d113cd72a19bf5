#include "forward_check.hpp"

#include <limits>

namespace fvattn::engine::sm80::test {

namespace {

template <class Policy>
void check_dense_as(const Case& c, const Visible& visible, const Policy& policy) {
  switch (padded_head_dim(c.head_dim)) {
    case 32: return check_forward_with<DenseForward<32>>(c, visible, policy);
    case 64: return check_forward_with<DenseForward<64>>(c, visible, policy);
    case 96: return check_forward_with<DenseForward<96>>(c, visible, policy);
    case 128: return check_forward_with<DenseForward<128>>(c, visible, policy);
    case 192: return check_forward_with<DenseForward<192>>(c, visible, policy);
    default: return check_forward_with<DenseForward<256>>(c, visible, policy);
  }
}

void check_dense(const Case& c, bool causal) {
  CAPTURE(causal);
  if (causal) check_dense_as(c, dense_rule(c, true), DensePolicy<true>{{c.q_len}, {c.kv_len}});
  else check_dense_as(c, dense_rule(c, false), DensePolicy<false>{{c.q_len}, {c.kv_len}});
}

}  // namespace

TEST_CASE("forward, dense: every head dim, random lengths, GQA, causal, strides") {
  for (int head_dim = 8; head_dim <= 256; head_dim += 8) {
    if (kEmulated && head_dim % 64 != 0 && head_dim != 40 && head_dim != 80 && head_dim != 96) continue;
    for (const bool causal : {false, true}) {
      for (int i = 0; i < (kEmulated ? 1 : 4); ++i) check_dense(random_case(head_dim), causal);
    }
  }
}

TEST_CASE("forward, dense: every length up to 300") {
  for (int length = 1; length <= 300; length += kEmulated ? 67 : 1) {
    Case c = random_case(length % 2 == 0 ? 64 : 128);
    c.batch = c.q_heads = c.kv_heads = 1;
    c.q_len = length % 3 == 0 ? 1 : length;
    c.kv_len = length % 3 == 1 ? random_int(1, 5) : length;
    check_dense(c, length % 5 == 0);
  }
}

TEST_CASE("forward, dense: extreme logits, scales of every sign") {
  for (const float scale : {0.125f, -0.125f, 0.0f, -1.0f}) {
    Case c = random_case(64);
    c.scale = scale;
    check_dense(c, false);
    c.deviation = 30.0f;
    check_dense(c, true);
  }
}

TEST_CASE("forward, causal with more queries than keys: the first rows see nothing") {
  Case c = random_case(128);
  c.q_len = 290;
  c.kv_len = 37;
  check_dense(c, true);
  c.kv_len = 1;
  check_dense(c, true);
}

TEST_CASE("forward refuses what it cannot do before it launches") {
  TestTensor q(Type::bfloat16, {1, 8, 2, 64}, 0), o(Type::bfloat16, q.shape(), 0);
  q.randomize(1.0f);
  const ForwardArgs good{q.view(), q.view(), q.view(), o.mutable_view(), {}, 1, 2, 2, 64, 0.125f};
  const auto run = [](const ForwardArgs& args) {
    return run_forward<DenseForward<64>>(Type::bfloat16, args, DensePolicy<false>{{8}, {8}});
  };
  CHECK(run(good) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  o.download();
  ForwardArgs bad = good;
  bad.head_dim = 72;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.head_dim = 60;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.kv_heads = 3;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.k.row_stride += 4;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.scale = std::numeric_limits<float>::quiet_NaN();
  CHECK(run(bad) == cudaErrorInvalidValue);
}

}  // namespace fvattn::engine::sm80::test
