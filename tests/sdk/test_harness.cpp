// The harness must catch what it is there for: backends that are wrong in one way each.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>
#include <fvattn/testing.hpp>

using namespace fvattn::plugin;
using namespace fvattn::testing;

namespace {

enum class Fault { none, unwritten, outside, gap, input, workspace, value, lse, gradient, causal };
Fault fault = Fault::none;

/// Exact attention through the reference itself, with one fault.
struct Model {
  static constexpr const char* name = "MODEL_ATTN";
  static void query(const fvattn_device&, const fvattn_problem&, Support& s) { s.score(1); }
  explicit Model(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void*, Plan& plan) { plan.workspace_forward(64); }

  static Case problem(const Call& call) {
    const fvattn_problem& p = call.problem();
    Case c{p.batch, p.q_len, p.kv_len, p.heads, p.kv_heads, p.head_dim, p.v_head_dim, dtype(p)};
    c.causal = (p.flags & FVATTN_PROBLEM_CAUSAL) && fault != Fault::causal;
    return c;
  }
  template <class Visit>
  static void each(const fvattn_tensor& t, Visit visit) {
    const Rows<float> rows(t);
    size_t at = 0;
    for (int64_t b = 0; b < t.shape[0]; ++b)
      for (int64_t s = 0; s < t.shape[1]; ++s)
        for (int64_t h = 0; h < t.shape[2]; ++h)
          for (int64_t d = 0; d < t.shape[3]; ++d) visit(rows(b, s, h)[d], at++);
  }
  static std::vector<double> values(const fvattn_tensor& t) {
    std::vector<double> all(static_cast<size_t>(numel(t)));
    each(t, [&](float& x, size_t i) { all[i] = x; });
    return all;
  }
  static void write(const fvattn_tensor& t, const std::vector<double>& values) {
    each(t, [&](float& x, size_t i) { x = static_cast<float>(values[i]); });
  }

  void forward(const Call& call) {
    const fvattn_tensor &o = call.out("o"), &q = call.in("q");
    Reference r = reference_forward(problem(call), values(q), values(call.in("k")), values(call.in("v")));
    if (fault == Fault::value) r.o[0] += 0.01;
    if (fault == Fault::lse) r.lse.back() += 0.01;
    write(o, r.o);
    if (const fvattn_tensor* lse = call.find_out("lse"))
      for (size_t i = 0; i < r.lse.size(); ++i) data<float>(*lse)[i] = static_cast<float>(r.lse[i]);
    if (fault == Fault::unwritten) data<float>(o)[0] = std::nanf("");
    if (fault == Fault::outside) data<float>(o)[-1] = 0;
    if (fault == Fault::gap) data<float>(o)[o.shape[2] * o.shape[3]] = 0;
    if (fault == Fault::input) *data<float>(q) += 1;
    if (fault == Fault::workspace) static_cast<char*>(call.c().workspace.p)[64] = 0;
  }
  void backward(const Call& call) {
    const Gradients g = reference_backward(problem(call), values(call.in("q")), values(call.in("k")), values(call.in("v")),
                                           values(call.in("d_o")));
    std::vector<double> d_k = g.k;
    if (fault == Fault::gradient) d_k[0] += 0.1;
    write(call.out("d_q"), g.q), write(call.out("d_k"), d_k), write(call.out("d_v"), g.v);
  }
};

/// 0 when the suite is content with two problems.
int verdict() {
  const fvattn_backend& table = *detail::Backend<Model>::get();
  Case plain{2, 9, 13, 4, 2, 24, 24, kF32};
  plain.gap = 8;
  Case causal{1, 17, 6, 2, 2, 8, 16, kF32, true};
  return Suite(table).check(plain).check(causal).report();
}
} // namespace

TEST_CASE("a right backend passes, forward and backward") {
  fault = Fault::none;
  CHECK(verdict() == 0);
}

TEST_CASE("every fault is caught") {
  for (const Fault one : {Fault::unwritten, Fault::outside, Fault::gap, Fault::input, Fault::workspace, Fault::value,
                          Fault::lse, Fault::gradient, Fault::causal}) {
    fault = one;
    CAPTURE(static_cast<int>(one));
    CHECK(verdict() == 1);
  }
  fault = Fault::none;
}

TEST_CASE("a suite in which nothing ran does not pass") { CHECK(Suite(*detail::Backend<Model>::get()).report() == 1); }

TEST_CASE("the reference's gradients are those of the reference") {
  std::mt19937_64 engine(std::random_device{}());
  std::normal_distribution<double> number;
  const auto random = [&](int64_t n) {
    std::vector<double> x(static_cast<size_t>(n));
    for (double& value : x) value = number(engine);
    return x;
  };
  for (const bool is_causal : {false, true}) {
    const Case c{2, 5, 7, 4, 2, 6, 3, kF64, is_causal, 0.3};
    std::vector<double> x[] = {random(2 * 5 * 4 * 6), random(2 * 7 * 2 * 6), random(2 * 7 * 2 * 3)};
    const std::vector<double> d_o = random(2 * 5 * 4 * 3);
    const auto loss = [&] {
      const Reference r = reference_forward(c, x[0], x[1], x[2]);
      double sum = 0;
      for (size_t i = 0; i < d_o.size(); ++i) sum += d_o[i] * r.o[i];
      return sum;
    };
    const Gradients g = reference_backward(c, x[0], x[1], x[2], d_o);
    const std::vector<double>* grads[] = {&g.q, &g.k, &g.v};
    for (int which = 0; which < 3; ++which)
      for (size_t i = 0; i < x[which].size(); ++i) {
        const double old = x[which][i], h = 1e-5;
        x[which][i] = old + h;
        const double up = loss();
        x[which][i] = old - h;
        const double down = loss();
        x[which][i] = old;
        CHECK((*grads[which])[i] == doctest::Approx((up - down) / (2 * h)).epsilon(1e-6).scale(1));
      }
  }
}

TEST_CASE("16-bit floats round to nearest even, with subnormals and infinities") {
  for (uint32_t bits = 0; bits < 65536; ++bits) { // every value survives
    const auto half = static_cast<uint16_t>(bits);
    if (!std::isnan(from_f16(half))) REQUIRE(to_f16(from_f16(half)) == half);
    if (!std::isnan(from_bf16(half))) REQUIRE(to_bf16(from_bf16(half)) == half);
  }
  CHECK(from_f16(to_f16(2049)) == 2048); // ties to even
  CHECK(from_f16(to_f16(2051)) == 2052);
  CHECK(from_f16(to_f16(65519)) == 65504);
  CHECK(std::isinf(from_f16(to_f16(65520))));
  CHECK(from_bf16(to_bf16(257)) == 256);
  CHECK(std::isnan(from_f16(to_f16(std::nan("")))));
  CHECK(std::isnan(from_f16(0xFFFF)));
  CHECK(std::isnan(from_bf16(0xFFFF)));
}
