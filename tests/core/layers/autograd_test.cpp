// Gradients: once, of extras too, on other threads, recomputed under activation checkpointing.
#include "fixture.hpp"

#include "staged_backend.hpp"

#include <thread>

using namespace fvattn;
using namespace fvattn::test;

namespace {

/// Activation checkpointing as torch.utils.checkpoint does it: forward without a graph; backward recomputes with one.
struct Checkpoint : torch::autograd::Function<Checkpoint> {
  using Body = std::function<at::Tensor(const at::Tensor&)>;
  static at::Tensor forward(torch::autograd::AutogradContext* node, const at::Tensor& x, Body* body, bool keep_context) {
    node->save_for_backward({x});
    node->saved_data["body"] = reinterpret_cast<int64_t>(body);
    kept() = keep_context ? find_forward_context() : nullptr;
    node->saved_data["keep"] = keep_context;
    return (*body)(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* node,
                                                 const torch::autograd::variable_list& gradients) {
    const at::AutoGradMode with_grad(true);
    const at::Tensor x = node->get_saved_variables()[0].detach().requires_grad_(true);
    const auto recompute = [&] { return (*reinterpret_cast<Body*>(node->saved_data["body"].toInt()))(x); };
    at::Tensor y;
    if (node->saved_data["keep"].toBool()) {
      const ForwardContextScope scope(kept());
      y = recompute();
    } else {
      y = recompute();
    }
    return {torch::autograd::grad({y}, {x}, {gradients[0]})[0], at::Tensor(), at::Tensor()};
  }
  static std::shared_ptr<const ForwardContext>& kept() {
    static std::shared_ptr<const ForwardContext> context;
    return context;
  }
};

ForwardContext context_with_factor(double factor) {
  ForwardContext context;
  context.step = 4;
  context.total_steps = 9;
  context.add(staged_context().metadata_builder("STAGED_ATTN").value()->build({{"factor", factor}}).value());
  return context;
}

}  // namespace

TEST_CASE("a gradient of the gradient is refused when it is asked for") {
  LocalAttention layer(layer_options(1, 8));
  QKV t = random_qkv(1, 3, 3, 1, 1, 8);
  t.q.requires_grad_(true);
  const at::Tensor first = torch::autograd::grad({layer->forward(t.q, t.k, t.v).sum()}, {t.q}, {}, std::nullopt, true)[0];
  CHECK(first.requires_grad());
  std::string text;
  try {
    torch::autograd::grad({first.pow(2).sum()}, {t.q});
  } catch (const std::exception& error) {
    text = error.what();
  }
  CHECK_CONTAINS(text, "TORCH_SDPA gives first derivatives only: double backward is not supported");
}

TEST_CASE("gradients in float64 equal finite differences, with a mask that learns") {
  LocalAttentionOptions options = layer_options(4, 8);
  options.num_kv_heads = 2;
  options.causal = true;
  LocalAttention layer(options);
  QKV t = random_qkv(2, 5, 6, 4, 2, 8, at::TensorOptions(at::kDouble));
  at::Tensor mask = at::randn({2, 1, 5, 6}, at::kDouble);
  mask.select(2, 1).fill_(-INFINITY);
  mask[0][0][3][2] = -INFINITY;
  std::vector<at::Tensor> inputs{t.q, t.k, t.v, mask};
  const at::Tensor weight = at::randn({2, 5, 4, 8}, at::kDouble);
  const auto loss = [&](const std::vector<at::Tensor>& x) {
    return (layer->forward(x[0], x[1], x[2], {{{"mask", x[3]}}, {}}) * weight).sum();
  };
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& x : inputs) leaves.push_back(x.clone().requires_grad_(true));
  const auto gradients = torch::autograd::grad({loss(leaves)}, leaves);
  for (size_t i = 0; i < inputs.size(); ++i) {
    CAPTURE(i);
    const at::Tensor direction = at::randn_like(inputs[i]);
    const double h = 1e-6;
    std::vector<at::Tensor> up = inputs, down = inputs;
    up[i] = inputs[i] + h * direction;
    down[i] = inputs[i] - h * direction;
    const double measured = ((loss(up) - loss(down)) / (2 * h)).item<double>();
    CHECK((gradients[i] * direction).sum().item<double>() == doctest::Approx(measured).epsilon(1e-6));
    CHECK(gradients[i].isfinite().all().item<bool>());
  }
}

TEST_CASE("integer masks learn nothing, other extras only what their backend differentiates") {
  LocalAttention layer(layer_options(1, 8));
  QKV t = random_qkv(1, 4, 4, 1, 1, 8);
  t.v.requires_grad_(true);
  layer->forward(t.q, t.k, t.v, {{{"mask", at::tensor({1, 0, 1, 1}, at::kInt)}}, {}}).sum().backward();
  CHECK(at::equal(t.v.grad().select(1, 1), at::zeros({1, 1, 8})));
  LocalAttention staged(staged_options(1, 8));
  const ForwardContextScope scope(context_with_factor(2));
  const at::Tensor offset = at::randn({8}).requires_grad_(true);
  CHECK_CONTAINS(error_of([&] { staged->forward(t.q, t.k, t.v, {{{"gate", at::ones_like(t.q)}, {"offset", offset}}, {}}); }),
                 "gives no gradient for the input 'offset'");
}

TEST_CASE("a checkpointed layer recomputes with the context of its forward") {
  LocalAttention layer(staged_options(2, 8));
  const QKV t = random_qkv(1, 6, 6, 2, 2, 8, at::TensorOptions(at::kDouble));
  const Extras extras{{{"gate", at::ones_like(t.q)}}, {}};
  Checkpoint::Body body = [&](const at::Tensor& x) { return layer->forward(x, t.k, t.v, extras); };
  at::Tensor q = t.q.clone().requires_grad_(true);
  const at::Tensor d_o = at::randn_like(t.q);
  at::Tensor expected;
  {
    const ForwardContextScope scope(context_with_factor(3));
    expected = torch::autograd::grad({body(q)}, {q}, {d_o})[0];
  }
  SUBCASE("backward after the scope has gone, with a saved handle") {
    at::Tensor o;
    {
      const ForwardContextScope scope(context_with_factor(3));
      o = Checkpoint::apply(q, &body, true);
    }
    const ForwardContextScope other(context_with_factor(5));
    CHECK(at::equal(torch::autograd::grad({o}, {q}, {d_o})[0], expected));
  }
  SUBCASE("backward on a thread that has no context falls back to the open one") {
    const ForwardContextScope scope(context_with_factor(3));
    const at::Tensor o = Checkpoint::apply(q, &body, false);
    at::Tensor gradient;
    std::thread([&] { gradient = torch::autograd::grad({o}, {q}, {d_o})[0]; }).join();
    CHECK(at::equal(gradient, expected));
  }
  SUBCASE("without checkpointing the node itself keeps the context") {
    at::Tensor o;
    {
      const ForwardContextScope scope(context_with_factor(3));
      o = body(q);
    }
    CHECK(at::equal(torch::autograd::grad({o}, {q}, {d_o})[0], expected));
    CHECK(staged_seen().backward_step == 4);
    CHECK(staged_seen().total_steps == 9);
  }
}

TEST_CASE("one graph with a layer used many times") {
  LocalAttention layer(layer_options(2, 8));
  QKV t = random_qkv(1, 5, 5, 2, 2, 8, at::TensorOptions(at::kDouble));
  const auto chain = [&](auto&& attend) {
    at::Tensor x = t.q.clone().requires_grad_(true), y = x, sum = at::zeros_like(x);
    for (int i = 0; i < 8; ++i) {
      y = attend(y, y, y);
      sum = sum + attend(x * i, t.k, t.v);
    }
    return torch::autograd::grad({(sum + y).pow(2).sum()}, {x})[0];
  };
  const at::Tensor got = chain([&](const auto& q, const auto& k, const auto& v) { return layer->forward(q, k, v); });
  const at::Tensor want = chain(
      [&](const auto& q, const auto& k, const auto& v) { return reference(q, k, v, layer->softmax_scale(), false).o; });
  CHECK(relative_error(got, want) < 1e-10);
}
