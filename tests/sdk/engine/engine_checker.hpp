// Runs the cpu engine with a policy on fresh random tensors, poisoned outputs and guard bands, against float64.
#pragma once

#include <fvattn/engine/cpu/engine.hpp>
#include <fvattn/testing/reference.hpp>

#include <thread>

#include "random.hpp"

namespace engine_test {

namespace cpu = fvattn::engine::cpu;
using fvattn::testing::Case;
using fvattn::testing::Tensor;

template <class E>
struct ElementType;
template <>
struct ElementType<double> {
  static constexpr auto dtype = fvattn::plugin::kF64;
  static constexpr double limit = 1e-12;
};
template <>
struct ElementType<float> {
  static constexpr auto dtype = fvattn::plugin::kF32;
  static constexpr double limit = 1e-5;
};
template <>
struct ElementType<cpu::Bf16> {
  static constexpr auto dtype = fvattn::plugin::kBF16;
  static constexpr double limit = 1e-2;
};
template <>
struct ElementType<cpu::Half> {
  static constexpr auto dtype = fvattn::plugin::kF16;
  static constexpr double limit = 2e-3;
};

/// Two threads that split the work at a random place: no result may depend on it.
inline constexpr auto parallel = [](std::int64_t n, std::int64_t, auto&& body) {
  const std::int64_t middle = std::uniform_int_distribution<std::int64_t>(0, n)(numbers());
  std::thread other([&] {
    if (middle < n) body(middle, n);
  });
  if (middle > 0) body(0, middle);
  other.join();
};

template <class E>
cpu::TensorView<E> view(Tensor& t) {
  const fvattn_tensor c = t.c();
  return {fvattn::plugin::data<E>(c), c.strides[0], c.strides[1], c.strides[2]};
}
template <class E>
cpu::TensorView<const E> read(const Tensor& t) {
  const auto v = view<E>(const_cast<Tensor&>(t));
  return {v.data, v.batch_stride, v.token_stride, v.head_stride};
}
template <class T>
T* first(Tensor& t) {
  return fvattn::plugin::data<T>(t.c());
}

/// The tensors of one problem; c.visible is the predicate of the policy.
template <class E>
struct Problem {
  using T = cpu::Accumulate<E>;
  static constexpr auto kDtype = ElementType<E>::dtype;
  static constexpr auto kStats = std::is_same_v<T, double> ? fvattn::plugin::kF64 : fvattn::plugin::kF32;

  explicit Problem(Case problem) : c(std::move(problem)) {
    c.dtype = kDtype;
    q = Tensor(kDtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(numbers());
    k = Tensor(kDtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(numbers());
    v = Tensor(kDtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(numbers());
    d_o = Tensor(kDtype, {c.batch, c.q_len, c.heads, c.v_head_dim}, c.gap).normal(numbers());
    reference = fvattn::testing::reference_forward(c, q.values(), k.values(), v.values());
    gradients = fvattn::testing::reference_backward(c, q.values(), k.values(), v.values(), d_o.values());
  }
  void sizes(cpu::Sizes& s) const {
    s.batch = static_cast<int>(c.batch), s.heads = c.heads, s.kv_heads = c.kv_heads, s.head_dim = c.head_dim;
    s.v_head_dim = c.v_head_dim, s.q_rows = static_cast<int>(c.q_len), s.scale = c.softmax_scale();
  }
  static double lse_error(std::vector<double> got, std::vector<double> want) {
    for (std::size_t i = 0; i < got.size(); ++i)
      if (std::isinf(want[i]) && got[i] == want[i]) got[i] = want[i] = 0;
    return fvattn::testing::relative_l2(got, want);
  }
  /// Relative to d_o at least, for problems whose gradients are rounding errors (one key a row).
  double gradient_error(const Tensor& got, const std::vector<double>& want) const {
    double difference = 0, size = 0, floor = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      difference += std::pow(got.get(static_cast<std::int64_t>(i)) - want[i], 2);
      size += want[i] * want[i];
    }
    for (const double x : d_o.values()) floor += x * x;
    return std::sqrt(difference / std::max(size, 2.5e-3 * floor + 1e-30));
  }

  Case c;
  Tensor q, k, v, d_o;
  fvattn::testing::Reference reference;
  fvattn::testing::Gradients gradients;
};

/// Forward, lse and gradients of a policy that writes every row of o.
template <class E, class Tile, class Policy>
void check_engine(const Policy& policy, const Case& c) {
  CAPTURE(c.q_len);
  CAPTURE(c.kv_len);
  CAPTURE(c.head_dim);
  Problem<E> p(c);
  using T = typename Problem<E>::T;
  const double limit = ElementType<E>::limit;
  Tensor o(p.kDtype, {c.batch, c.q_len, c.heads, c.v_head_dim}, c.gap),
      lse(fvattn::plugin::kF32, {c.batch, c.heads, c.q_len});
  Tensor saved(p.kStats, {c.batch, c.heads, c.q_len}), delta(p.kStats, {c.batch, c.heads, c.q_len});
  Tensor d_q(p.kDtype, p.q.shape(), c.gap), d_k(p.kDtype, p.k.shape(), c.gap), d_v(p.kDtype, p.v.shape(), c.gap);
  cpu::ForwardArgs<E> forward;
  p.sizes(forward);
  forward.q = read<E>(p.q), forward.k = read<E>(p.k), forward.v = read<E>(p.v), forward.o = view<E>(o);
  forward.lse = first<float>(lse), forward.saved_lse = first<T>(saved);
  cpu::forward<Tile>(forward, policy, parallel);
  CHECK(fvattn::testing::relative_l2(o.values(), p.reference.o) <= limit);
  CHECK(p.lse_error(lse.values(), p.reference.lse) <= std::max(limit, 1e-6));
  CHECK(p.lse_error(saved.values(), p.reference.lse) <= limit);

  cpu::BackwardArgs<E> backward;
  p.sizes(backward);
  backward.q = read<E>(p.q), backward.k = read<E>(p.k), backward.v = read<E>(p.v), backward.o = read<E>(o),
  backward.d_o = read<E>(p.d_o);
  backward.saved_lse = first<T>(saved), backward.delta = first<T>(delta);
  backward.d_q = view<E>(d_q), backward.d_k = view<E>(d_k), backward.d_v = view<E>(d_v);
  cpu::backward<Tile>(backward, policy, parallel);
  CHECK(p.gradient_error(d_q, p.gradients.q) <= 4 * limit);
  CHECK(p.gradient_error(d_k, p.gradients.k) <= 4 * limit);
  CHECK(p.gradient_error(d_v, p.gradients.v) <= 4 * limit);
  for (const Tensor* t : {&o, &lse, &saved, &delta, &d_q, &d_k, &d_v}) CHECK(t->intact());

  Tensor again(p.kDtype, o.shape(), c.gap), d_k_again(p.kDtype, p.k.shape(), c.gap);
  forward.o = view<E>(again), backward.d_k = view<E>(d_k_again);
  cpu::forward<Tile>(forward, policy, parallel);
  cpu::backward<Tile>(backward, policy, parallel);
  CHECK(again.values() == o.values());
  CHECK(d_k_again.values() == d_k.values());
}

}  // namespace engine_test
