// TORCH_SDPA through LocalAttention against float64, forward and gradients, over random problems.
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Draw {
  std::mt19937_64 engine;
  explicit Draw(uint64_t seed) : engine(seed) {}
  int64_t of(std::initializer_list<int64_t> list) {
    return *(list.begin() + std::uniform_int_distribution<size_t>(0, list.size() - 1)(engine));
  }
  int64_t between(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(engine); }
  bool coin() { return between(0, 1) == 1; }
};

// The same values with rows apart, heads first in memory, or as they are.
at::Tensor restride(const at::Tensor& t, int64_t way) {
  if (way == 0) return t;
  if (way == 1) return t.transpose(1, 2).contiguous().transpose(1, 2);
  return at::constant_pad_nd(t, {0, 0, 0, 3}, NAN).narrow(2, 0, t.size(2));
}

// A mask in one of its forms, and what it means as a bool or a bias that broadcasts to [B, H, Sq, Sk].
struct Mask {
  at::Tensor given, attend, bias;
};
Mask random_mask(Draw& draw, int64_t batch, int64_t heads, int64_t q_len, int64_t kv_len, at::ScalarType type) {
  const int64_t form = draw.between(1, 5);
  std::vector<int64_t> sizes = form == 1   ? std::vector<int64_t>{kv_len}
                               : form == 2 ? std::vector<int64_t>{batch, kv_len}
                               : form == 3 ? std::vector<int64_t>{batch, q_len, kv_len}
                                           : std::vector<int64_t>{batch, form == 4 ? 1 : heads, q_len, kv_len};
  at::Tensor attend = at::rand(sizes) < (draw.coin() ? 0.7 : 0.15);
  if (form >= 3 && draw.coin())
    attend.select(form == 3 ? 1 : 2, draw.between(0, q_len - 1)).fill_(false);  // a row without keys
  const auto broadcast = [&](const at::Tensor& t) {
    return t.dim() == 1 ? t : t.dim() == 2 ? t.view({batch, 1, 1, kv_len}) : t.dim() == 3 ? t.unsqueeze(1) : t;
  };
  switch (draw.between(0, 3)) {
    case 0: return {attend, broadcast(attend), {}};
    case 1: return {attend.to(at::kInt) * 3, broadcast(attend), {}};
    case 2: return {attend.to(at::kLong) * -1, broadcast(attend), {}};
    default: {
      const at::Tensor bias = at::randn(sizes).to(type).masked_fill(attend.logical_not(), -INFINITY);
      return {bias, {}, broadcast(bias)};
    }
  }
}

void check_one(uint64_t seed, at::ScalarType type, double allowed) {
  Draw draw(seed);
  at::manual_seed(seed);
  const int64_t kv_heads = draw.of({1, 2, 3}), heads = kv_heads * draw.of({1, 2, 4}),
                dim = draw.of({8, 24, 40, 64, 80, 128, 192, 256});
  const int64_t batch = draw.between(1, 3), q_len = draw.between(1, 70), kv_len = draw.coin() ? q_len : draw.between(1, 90);
  const bool causal = draw.coin(), masked = draw.between(0, 2) != 0;
  const int64_t text = draw.between(0, 2) == 0 ? draw.between(0, std::min(q_len, kv_len)) : 0;
  LocalAttentionOptions options = layer_options(heads, dim);
  options.num_kv_heads = kv_heads;
  options.causal = causal;
  options.text_length = text;
  if (draw.coin()) options.softmax_scale = 0.31;
  LocalAttention layer(options);
  const double scale = layer->softmax_scale();

  QKV given = random_qkv(batch, q_len, kv_len, heads, kv_heads, dim, at::TensorOptions(type));
  for (at::Tensor* t : {&given.q, &given.k, &given.v}) *t = restride(*t, draw.between(0, 2)).detach().requires_grad_(true);
  Extras extras;
  Mask mask;
  if (masked) {
    mask = random_mask(draw, batch, heads, q_len, kv_len, type);
    extras.tensors["mask"] = mask.given;
  }
  CallOptions call;
  call.return_lse = true;
  const AttentionOutputs outputs = layer->forward_all(given.q, given.k, given.v, extras, call);

  at::Tensor q = given.q.detach().to(at::kDouble).requires_grad_(true),
             k = given.k.detach().to(at::kDouble).requires_grad_(true),
             v = given.v.detach().to(at::kDouble).requires_grad_(true);
  const Expected expected = reference(q, k, v, scale, causal, mask.attend, mask.bias);
  CAPTURE(seed);
  CAPTURE(outputs.o.sizes());
  CHECK((outputs.o.scalar_type() == type));
  CHECK(relative_error(outputs.o, expected.o) < allowed);
  CHECK(relative_error(outputs.named.at("lse"), expected.lse) < std::max(allowed, 1e-5));

  const at::Tensor d_o = at::randn(outputs.o.sizes(), at::TensorOptions(type));
  const auto got = torch::autograd::grad({outputs.o}, {given.q, given.k, given.v}, {d_o});
  const auto want = torch::autograd::grad({expected.o}, {q, k, v}, {d_o.to(at::kDouble)});
  // A twentieth of what d_q would be if nothing cancelled.
  const double floor = 0.05 * scale * std::sqrt(static_cast<double>(dim)) * d_o.to(at::kDouble).norm().item<double>();
  for (size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(got[i].sizes() == want[i].sizes());
    CHECK(relative_error(got[i], want[i], floor) < 2 * allowed);
  }
}

uint64_t base_seed() {
  const char* text = std::getenv("FVATTN_TEST_SEED");
  static const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  return seed;
}

}  // namespace

TEST_CASE("float32 equals the reference over a random sweep") {
  MESSAGE("FVATTN_TEST_SEED=", base_seed());
  for (uint64_t i = 0; i < 100; ++i) check_one(base_seed() + i, at::kFloat, 5e-6);
}

TEST_CASE("float64, bfloat16 and float16 equal the reference") {
  for (uint64_t i = 0; i < 15; ++i) {
    check_one(base_seed() + 1000 + i, at::kDouble, 1e-12);
    check_one(base_seed() + 2000 + i, at::kBFloat16, 2e-2);
    check_one(base_seed() + 3000 + i, at::kHalf, 3e-3);
  }
}

TEST_CASE("zero lengths: no rows, or rows without keys") {
  for (const auto& [batch, q_len, kv_len] : {std::array<int64_t, 3>{0, 4, 4}, {2, 0, 5}, {2, 5, 0}, {1, 0, 0}}) {
    LocalAttentionOptions options = layer_options(2, 8);
    options.causal = kv_len == 0;
    LocalAttention layer(options);
    QKV t = random_qkv(batch, q_len, kv_len, 2, 2, 8);
    for (at::Tensor* x : {&t.q, &t.k, &t.v}) x->requires_grad_(true);
    CallOptions call;
    call.return_lse = true;
    const AttentionOutputs outputs = layer->forward_all(t.q, t.k, t.v, {}, call);
    CHECK(outputs.o.sizes() == t.q.sizes());
    CHECK(at::equal(outputs.o, at::zeros_like(t.q)));
    CHECK(at::equal(outputs.named.at("lse"), at::full({batch, 2, q_len}, -INFINITY)));
    outputs.o.sum().backward();
    for (const at::Tensor* x : {&t.q, &t.k, &t.v}) CHECK(at::equal(x->grad(), at::zeros_like(*x)));
  }
}
