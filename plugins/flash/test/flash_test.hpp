// What the tests of FLASH_ATTN share: one problem run through a session and compared with the float64 reference.
#pragma once

#include <fvattn/testing.hpp>

#include <doctest/doctest.h>

namespace flash_test {

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;

const fvattn_backend& backend();

inline std::mt19937_64& engine() {
  static std::mt19937_64 numbers = [] {
    const char* given = std::getenv("FVATTN_TEST_SEED");
    const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FVATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return numbers;
}
inline int64_t random_int(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine()); }

inline double tolerance(Dtype dtype) {
  return dtype == plugin::kF64 ? 1e-12 : dtype == plugin::kF32 ? 1e-5 : dtype == plugin::kF16 ? 2e-3 : 1e-2;
}

inline Tensors random_inputs(const Case& c, double sigma = 1) {
  Tensors in;
  in.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine()));
  return in;
}

/// Infinities that agree count as equal.
inline double lse_error(std::vector<double> got, std::vector<double> want) {
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isinf(want[i]) && got[i] == want[i]) got[i] = want[i] = 0;
  return relative_l2(got, want);
}

/// Relative to d_o at least: a row that sees a single key has no gradient but rounding errors.
inline double gradient_error(const Tensor& got, const std::vector<double>& want, const Tensor& d_o) {
  const auto norm = [](const std::vector<double>& x) { return relative_l2(x, std::vector<double>(x.size(), 0)); };
  const std::vector<double> values = got.values();
  const double size = norm(want), error = size > 0 ? relative_l2(values, want) * size : norm(values);
  return error / std::max(size, 0.05 * norm(d_o.values()));
}

/// o, lse and gradients of c against the reference. Rows without keys are part of both.
inline void check(const Case& c, const Tensors& extras = {}, uint32_t flags = 0) {
  CAPTURE(c.batch);
  CAPTURE(c.q_len);
  CAPTURE(c.kv_len);
  CAPTURE(c.heads);
  CAPTURE(c.kv_heads);
  CAPTURE(c.head_dim);
  CAPTURE(c.v_head_dim);
  CAPTURE(c.causal);
  CAPTURE(plugin::to_string(c.dtype));
  Session session(backend(), c, flags | FVATTN_PROBLEM_NEED_LSE | FVATTN_PROBLEM_NEED_GRAD, {}, {}, extras);
  const Answer answer = session.query();
  REQUIRE_MESSAGE(answer.supported, answer.text());
  session.prepare();
  const Tensors in = random_inputs(c);
  const Tensor d_o = Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine());
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  const Reference want = reference_forward(c, q, k, v);
  const Gradients want_grads = reference_backward(c, q, k, v, d_o.values());
  const double limit = tolerance(c.dtype);
  CHECK(relative_l2(out.at("o").values(), want.o) <= limit);
  CHECK(lse_error(out.at("lse").values(), want.lse) <= std::max(limit, 1e-6));
  CHECK(gradient_error(grads.at("d_q"), want_grads.q, d_o) <= 4 * limit);
  CHECK(gradient_error(grads.at("d_k"), want_grads.k, d_o) <= 4 * limit);
  CHECK(gradient_error(grads.at("d_v"), want_grads.v, d_o) <= 4 * limit);
}

}  // namespace flash_test
