#include "backward_check.hpp"

namespace fvattn::engine::sm80::test {

namespace {

template <class Policy>
void check_dense_as(const Case& c, const Visible& visible, const Policy& policy) {
  switch (padded_head_dim(c.head_dim)) {
    case 32: return check_backward_with<DenseBackward<32>>(c, visible, policy);
    case 64: return check_backward_with<DenseBackward<64>>(c, visible, policy);
    case 96: return check_backward_with<DenseBackward<96>>(c, visible, policy);
    case 128: return check_backward_with<DenseBackward<128>>(c, visible, policy);
    case 192: return check_backward_with<DenseBackward<192>>(c, visible, policy);
    default: return check_backward_with<DenseBackward<256>>(c, visible, policy);
  }
}

void check_dense(Case c, bool causal) {
  CAPTURE(causal);
  if (causal) check_dense_as(c, dense_rule(c, true), DensePolicy<true>{{c.q_len}, {c.kv_len}});
  else check_dense_as(c, dense_rule(c, false), DensePolicy<false>{{c.q_len}, {c.kv_len}});
}

}  // namespace

TEST_CASE("backward, dense: every head dim, random lengths, GQA, causal, strides") {
  for (int head_dim = 8; head_dim <= 256; head_dim += 8) {
    if (kEmulated && head_dim % 64 != 0 && head_dim != 24 && head_dim != 80) continue;
    for (const bool causal : {false, true}) {
      for (int i = 0; i < (kEmulated ? 1 : 3); ++i) check_dense(random_case(head_dim), causal);
    }
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

}  // namespace fvattn::engine::sm80::test
