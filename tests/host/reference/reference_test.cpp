// Torch's headers come first: they define a CHECK of their own, which aborts.
#include "reference/attended.hpp"
#include "reference/attention.hpp"
#include "reference/relative_error.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#undef CHECK

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace fvattn::reference;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Expected {
  at::Tensor o, lse, d_q, d_k, d_v;
};

// By torch's softmax and autograd; every row must see a key.
Expected by_autograd(Question in, const at::Tensor& seen) {
  for (at::Tensor* t : {&in.q, &in.k, &in.v}) *t = t->detach().to(at::kDouble).set_requires_grad(true);
  const int64_t group = in.q.size(2) / in.k.size(2);
  const at::Tensor k = in.k.repeat_interleave(group, 2), v = in.v.repeat_interleave(group, 2);
  at::Tensor s = at::matmul(in.q.transpose(1, 2), k.permute({0, 2, 3, 1})) * in.scale;
  s = s.masked_fill(seen.logical_not(), -kInfinity);
  const at::Tensor o = at::matmul(s.softmax(-1), v.transpose(1, 2)).transpose(1, 2);
  const auto gradients = torch::autograd::grad({o}, {in.q, in.k, in.v}, {in.d_o.to(at::kDouble)});
  return {o, s.logsumexp(-1), gradients[0], gradients[1], gradients[2]};
}

Question random_question(int64_t q_len, int64_t kv_len, bool causal) {
  const auto normal = [](int64_t length, int64_t heads, int64_t dim) {
    return at::randn({2, length, heads, dim}, at::kFloat);
  };
  return {normal(q_len, 6, 9), normal(kv_len, 2, 9), normal(kv_len, 2, 5), 0.4, causal, {}, {}, normal(q_len, 6, 5)};
}

}  // namespace

TEST_CASE("values and gradients are those of autograd") {
  for (const bool causal : {false, true})
    for (const bool masked : {false, true}) {
      Question in = random_question(11, 17, causal);
      at::Tensor seen = at::ones({2, 6, 11, 17}, at::kBool);
      if (causal) seen = seen.tril(17 - 11);
      if (masked) {
        in.seen = at::rand({2, 1, 11, 17}) < 0.7;
        in.seen.select(3, 0).fill_(1);
        seen = seen.logical_and(in.seen);
      }
      const Answer got = attention(in);
      const Expected want = by_autograd(in, seen);
      CHECK(relative_error(got.o, want.o) < 1e-13);
      CHECK(relative_error(got.lse, want.lse) < 1e-13);
      CHECK(relative_error(got.d_q, want.d_q) < 1e-12);
      CHECK(relative_error(got.d_k, want.d_k) < 1e-12);
      CHECK(relative_error(got.d_v, want.d_v) < 1e-12);
      CHECK(got.d_q_scale > 0.1 * want.d_q.norm().item<double>());
      CHECK(got.d_k_scale > 0.1 * want.d_k.norm().item<double>());
    }
}

TEST_CASE("rows without keys") {
  const Answer got = attention(random_question(9, 4, true));  // the first five see nothing
  CHECK(got.o.narrow(1, 0, 5).eq(0).all().item<bool>());
  CHECK(got.lse.narrow(2, 0, 5).eq(-kInfinity).all().item<bool>());
  CHECK(got.d_q.narrow(1, 0, 5).eq(0).all().item<bool>());
  CHECK(got.d_k.isfinite().all().item<bool>());
  const Answer none = attention(random_question(3, 0, false));
  CHECK(none.o.eq(0).all().item<bool>());
}

TEST_CASE("chosen rows are rows of the whole") {
  Question in = random_question(20, 20, true);
  in.d_o = at::Tensor();
  const at::Tensor whole = attention(in).o;
  in.rows = at::tensor({3, 0, 19}, at::kLong);
  CHECK(relative_error(attention(in).o, whole.index_select(1, in.rows)) < 1e-14);
}

TEST_CASE("tiles become a mask of rows and keys") {
  const at::Tensor tiles = at::tensor({1, 0, 0, 2}, at::kByte).view({1, 1, 2, 2});
  const at::Tensor q_tile = at::tensor({1, 0, 1}, at::kInt), k_tile = at::tensor({0, 1}, at::kInt);
  const at::Tensor seen = attended(tiles, q_tile, k_tile);
  CHECK(at::equal(seen[0][0], at::tensor({0, 1, 1, 0, 0, 1}, at::kInt).view({3, 2}).ne(0)));
  CHECK(at::equal(attended(tiles, q_tile, k_tile, at::tensor({1}, at::kLong))[0][0],
                  at::tensor({1, 0}, at::kInt).view({1, 2}).ne(0)));
}

TEST_CASE("what is not finite is an infinite error, unless it should be there") {
  const at::Tensor want = at::tensor({1.0, -kInfinity});
  CHECK(relative_error(want.clone(), want) == 0);
  CHECK(relative_error(at::tensor({1.0, 2.0}), want) == kInfinity);
  CHECK(relative_error(at::tensor({1.0, kInfinity}), want) == kInfinity);
  CHECK(relative_error(at::tensor({std::nan(""), -kInfinity}), want) == kInfinity);
  CHECK(relative_error(at::tensor({1.5, -kInfinity}), want) == doctest::Approx(0.5));
  CHECK(relative_error(at::tensor({1.5, -kInfinity}), want, 5) == doctest::Approx(0.1));
  CHECK(relative_error(at::zeros({3}), want) == kInfinity);
}
