#include "vmoba_test.hpp"

using namespace vmoba_test;

TEST_CASE("what is refused, with its reason") {
  const auto reasons = [](Case c, uint32_t flags = 0, double dropout = 0, int64_t text = 0, const Tensors& extras = {}) {
    Session session(backend(), c, flags, {}, {}, extras);
    session.problem().dropout_p = dropout;
    session.problem().text_len = text;
    return session.query().reasons;
  };
  const Case good{2, 6, 6, 2, 1, 8, 8, plugin::kF32};
  Case causal = good;
  causal.causal = true;
  CHECK(reasons(good) == 0);
  CHECK(reasons(causal) == FVATTN_R_CAUSAL);
  CHECK(reasons(good, 0, 0.1) == FVATTN_R_DROPOUT);
  CHECK(reasons(good, 0, 0, 2) == FVATTN_R_TEXT);
  CHECK(reasons(good, 0, 0, 0, {{"mask", Tensor(plugin::kBool, {6})}}) == FVATTN_R_MASK);
  CHECK(reasons(good, 0, 0, 0, {{"gate_compress", Tensor(plugin::kF32, {2, 6, 2, 8})}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(good, FVATTN_PROBLEM_VARLEN) == FVATTN_R_VARLEN);
  CHECK(reasons({2, 6, 7, 2, 1, 8, 8, plugin::kF32}) == FVATTN_R_SHAPE);
  CHECK(reasons({2, 6, 6, 3, 2, 8, 8, plugin::kF32}) == FVATTN_R_GQA);
  CHECK(reasons({2, 6, 6, 2, 1, 257, 8, plugin::kF32}) == FVATTN_R_HEAD_DIM);
  CHECK(reasons({2, 6, 6, 2, 1, 8, 300, plugin::kF32}) == FVATTN_R_HEAD_DIM);
  CHECK(reasons({2, 6, 6, 2, 1, 8, 8, plugin::kI32}) == FVATTN_R_DTYPE);
}

TEST_CASE("heads on several ranks, where the metadata came along") {
  Meta meta = meta_of({{1, 2, 3}, {1}}, {"threshold", "overall"});
  const auto reasons = [&] {
    Session session(backend(), {1, 6, 6, 2, 2, 8, 8, plugin::kF32}, 0, meta.c());
    session.problem().sp_world = 2;
    return session.query().reasons;
  };
  CHECK(reasons() == FVATTN_R_SP_LAYOUT);
  meta.set("moba_threshold_type", "head_global");
  CHECK(reasons() == 0);
}

TEST_CASE("GPUs older than the kernels are refused, by a build without kernels too") {
  Session session(backend(), {1, 6, 6, 2, 2, 8, 8, plugin::kBF16});
  fvattn_device device = emulated_device();
  device.cc_major = 7;
  fvattn_support support{};
  support.size = sizeof support;
  ErrorBuffer error;
  REQUIRE(backend().query(backend().ctx, &device, &session.problem(), &support, &error.error) == FVATTN_OK);
  CHECK(support.reasons == FVATTN_R_ARCH);
}

TEST_CASE("never chosen automatically") { CHECK((backend().flags & FVATTN_BACKEND_APPROXIMATE) != 0); }
