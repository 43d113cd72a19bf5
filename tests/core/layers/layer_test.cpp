// LocalAttention as its users meet it: arguments, errors, metadata, plan cache, dropout, text, describe.
#include "fixture.hpp"

#include <fvattn/forward_context.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

std::shared_ptr<const AttentionMetadata> sdpa_metadata(const KeyValues& values) {
  return test_context().metadata_builder("TORCH_SDPA").value()->build(values).value();
}

}  // namespace

TEST_CASE("arguments of the reference") {
  LocalAttentionOptions options = layer_options(6, 64);
  options.num_kv_heads = 2;
  options.prefix = "Hunyuan.single_blocks.21.attn";
  LocalAttention layer(options);
  CHECK(layer->softmax_scale() == doctest::Approx(0.125));
  CHECK(layer->layer_index() == 21);
  CHECK(layer->backend().get_name() == "TORCH_SDPA");
  CHECK(layer->num_kv_heads() == 2);
  CHECK((layer->dtype() == at::kFloat));
  const QKV t = random_qkv(1, 5, 7, 6, 2, 64, at::TensorOptions(at::kDouble));
  const AttentionOutputs outputs = layer->forward_all(t.q, t.k, t.v);
  CHECK(outputs.selection.source == SelectionSource::explicit_argument);
  CHECK((layer->dtype() == at::kDouble));
  CHECK(outputs.named.empty());

  options.impl_options = {{"dropout_rate", int64_t{0}}, {"layer_idx", int64_t{3}}, {"dropout_p", 0.5}};
  LocalAttention with_options(options);
  CHECK(with_options->layer_index() == 3);
  CHECK(with_options->options().dropout_p == 0.5);
  with_options->eval();
  CHECK(with_options->forward(t.q, t.k, t.v).defined());
}

TEST_CASE("wrong arguments say what came and what is accepted") {
  CHECK_CONTAINS(error_of([] { LocalAttention layer(layer_options(0, 8)); }), "num_heads");
  LocalAttentionOptions odd = layer_options(4, 8);
  odd.num_kv_heads = 3;
  CHECK_CONTAINS(error_of([&] { LocalAttention layer(odd); }), "a divisor of 4");

  LocalAttentionOptions options = layer_options(2, 8);
  options.prefix = "blocks.3.attn1";
  LocalAttention layer(options);
  const QKV t = random_qkv(2, 3, 4, 2, 2, 8);
  const auto failing = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras = {},
                           const CallOptions& call = {}) {
    return error_of([&] { layer->forward_all(q, k, v, extras, call); });
  };
  CHECK_CONTAINS(failing(t.q[0], t.k, t.v), "Expected 4D tensors");
  CHECK_CONTAINS(failing(t.q[0], t.k, t.v), "layer blocks.3.attn1: ");
  CHECK_CONTAINS(failing(t.q.to(at::kDouble), t.k, t.v), "one dtype");
  CHECK_CONTAINS(failing(t.q.to(at::kInt), t.k.to(at::kInt), t.v.to(at::kInt)), "floating");
  CHECK_CONTAINS(failing(t.q, t.k, t.v.narrow(1, 0, 3)), "k and v of one length");
  CHECK_CONTAINS(failing(t.q.narrow(2, 0, 1), t.k, t.v), "this layer's heads");
  CHECK_CONTAINS(failing(t.q, t.k, t.v, {{{"gate_compress", t.q}}, {}}), "gate_compress");
  CHECK_CONTAINS(failing(t.q, t.k, t.v, {{{"mask", at::ones({2, 3}, at::kBool)}}, {}}), "the number of keys, 4");
  CHECK_CONTAINS(failing(t.q, t.k, t.v, {{{"mask", at::ones({2, 5, 4}, at::kBool)}}, {}}), "the number of queries, 3");
  CHECK_CONTAINS(failing(t.q, t.k, t.v, {{{"cu_seqlens_q", at::tensor({0, 3}, at::kInt)}}, {}}), "both boundaries");
  CallOptions text;
  text.text_length = 9;
  CHECK_CONTAINS(failing(t.q, t.k, t.v, {}, text), "text_length");
  const QKV one = random_qkv(1, 3, 3, 2, 2, 8);
  CHECK_CONTAINS(
      failing(one.q, one.k, one.v,
              {{{"cu_seqlens_q", at::tensor({0, 3}, at::kInt)}, {"cu_seqlens_k", at::tensor({0, 3}, at::kInt)}}, {}}),
      "VARLEN");
  options.backend = "TORCH_SPDA";
  LocalAttention misspelt(options);
  CHECK_CONTAINS(error_of([&] { misspelt->forward(t.q, t.k, t.v); }), "TORCH_SDPA");
}

TEST_CASE("a plan for each problem, and none for a problem seen before") {
  LocalAttention layer(layer_options(2, 8));
  const QKV a = random_qkv(1, 6, 6, 2, 2, 8), b = random_qkv(1, 7, 7, 2, 2, 8);
  for (int i = 0; i < 3; ++i) layer->forward(a.q, a.k, a.v);
  CHECK(layer->counters().plans == 1);
  layer->forward(b.q, b.k, b.v);
  layer->forward(a.q, a.k, a.v);
  CHECK(layer->counters().plans == 2);
  // Masks that change with each step do not make plans.
  for (int step = 0; step < 3; ++step) {
    ForwardContext context;
    context.step = step;
    context.add(sdpa_metadata({{"attn_mask", to_value(at::rand({1, 6}) > 0.3)}}));
    const ForwardContextScope scope(context);
    layer->forward(a.q, a.k, a.v);
  }
  CHECK(layer->counters().plans == 3);
  CHECK(layer->counters().calls == 8);
  CHECK(layer->counters().tensor_copies == 0);
  layer->forward(a.q.transpose(1, 3).contiguous().transpose(1, 3), a.k, a.v);
  CHECK(layer->counters().tensor_copies == 1);
  CHECK(layer->counters().plans == 3);
}

TEST_CASE("the metadata's attn_mask is padded at its front with attend") {
  LocalAttention layer(layer_options(2, 8));
  const QKV t = random_qkv(2, 5, 7, 2, 2, 8);
  const at::Tensor tail = at::tensor({1, 0, 0, 1, 0, 1, 1, 0}, at::kInt).view({2, 4});
  const at::Tensor full = at::constant_pad_nd(tail, {3, 0}, 1) != 0;
  ForwardContext context;
  context.add(sdpa_metadata({{"attn_mask", to_value(tail)}}));
  const ForwardContextScope scope(context);
  CHECK(relative_error(layer->forward(t.q, t.k, t.v),
                       reference(t.q, t.k, t.v, layer->softmax_scale(), false, full.view({2, 1, 1, 7})).o) < 1e-5);
  CHECK_CONTAINS(error_of([&] { layer->forward(t.q, t.k, t.v, {{{"mask", full}}, {}}); }), "twice");
  CHECK_CONTAINS(error_of([&] { layer->forward(t.q, t.k.narrow(1, 0, 3), t.v.narrow(1, 0, 3)); }), "at most 3");
}

TEST_CASE("dropout acts in training, repeats with its seed, in backward too") {
  LocalAttentionOptions options = layer_options(2, 16);
  options.dropout_p = 0.4;
  options.causal = true;
  LocalAttention layer(options), plain(layer_options(2, 16));
  QKV t = random_qkv(2, 40, 40, 2, 2, 16, at::TensorOptions(at::kDouble));
  for (at::Tensor* x : {&t.q, &t.k, &t.v}) x->requires_grad_(true);
  CallOptions call;
  call.dropout_seed = 11;
  layer->eval();
  const at::Tensor expected = reference(t.q, t.k, t.v, 0.25, true).o;
  CHECK(relative_error(layer->forward_all(t.q, t.k, t.v, {}, call).o, expected) < 1e-12);
  layer->train();
  const at::Tensor first = layer->forward_all(t.q, t.k, t.v, {}, call).o;
  CHECK(at::equal(first, layer->forward_all(t.q, t.k, t.v, {}, call).o));
  CHECK(relative_error(first, expected) > 0.1);
  call.dropout_seed = 12;
  CHECK_FALSE(at::equal(first, layer->forward_all(t.q, t.k, t.v, {}, call).o));
  call.dropout_seed.reset();
  at::manual_seed(3);
  const at::Tensor drawn = layer->forward_all(t.q, t.k, t.v, {}, call).o;
  CHECK_FALSE(at::equal(drawn, layer->forward_all(t.q, t.k, t.v, {}, call).o));
  at::manual_seed(3);
  CHECK(at::equal(drawn, layer->forward_all(t.q, t.k, t.v, {}, call).o));

  // The derivative along a direction, by finite differences of the same drawn elements.
  call.dropout_seed = 11;
  const at::Tensor weight = at::randn_like(first), direction = at::randn_like(t.q);
  const auto loss = [&](const at::Tensor& q) { return (layer->forward_all(q, t.k, t.v, {}, call).o * weight).sum(); };
  const at::Tensor gradient = torch::autograd::grad({loss(t.q)}, {t.q})[0];
  const double h = 1e-6;
  const double measured =
      ((loss(t.q.detach() + h * direction) - loss(t.q.detach() - h * direction)) / (2 * h)).item<double>();
  CHECK((gradient * direction).sum().item<double>() == doctest::Approx(measured).epsilon(1e-6));
}

TEST_CASE("rows beyond original_seq_len take no part") {
  LocalAttention layer(layer_options(2, 8));
  QKV t = random_qkv(1, 9, 9, 2, 2, 8);
  t.k.narrow(1, 6, 3).fill_(NAN);
  CallOptions call;
  call.return_lse = true;
  const AttentionOutputs outputs = layer->forward_all(t.q, t.k, t.v, {{}, 6}, call);
  const Expected expected =
      reference(t.q.narrow(1, 0, 6), t.k.narrow(1, 0, 6), t.v.narrow(1, 0, 6), layer->softmax_scale(), false);
  CHECK(relative_error(outputs.o.narrow(1, 0, 6), expected.o) < 1e-5);
  CHECK(at::equal(outputs.o.narrow(1, 6, 3), at::zeros({1, 3, 2, 8})));
  CHECK(at::equal(outputs.named.at("lse").narrow(2, 6, 3), at::full({1, 2, 3}, -INFINITY)));
  CHECK_CONTAINS(error_of([&] { layer->forward(t.q, t.k, t.v, {{}, 10}); }), "original_seq_len");
}

TEST_CASE("describe counts the attended pairs and gives the exact mask") {
  LocalAttentionOptions options = layer_options(2, 8);
  options.causal = true;
  LocalAttention causal(options), dense(layer_options(2, 8));
  const QKV t = random_qkv(3, 5, 7, 2, 2, 8);
  const auto all = dense->describe_call(t.q, t.k, t.v);
  REQUIRE(all.has_value());
  CHECK(all->attended_pairs == 3 * 2 * 5 * 7);
  CHECK(all->density() == 1);
  CHECK_FALSE(all->mask_tiles.defined());

  const at::Tensor mask = at::rand({3, 7}) > 0.4;
  const auto some = causal->describe_call(t.q, t.k, t.v, {{{"mask", mask}}, {}}, {}, true);
  REQUIRE(some.has_value());
  const at::Tensor seen = at::ones({5, 7}, at::kBool).tril(2).logical_and(mask.view({3, 1, 1, 7})).expand({3, 2, 5, 7});
  CHECK(some->attended_pairs == seen.sum().item<int64_t>());
  const at::Tensor exact = some->mask_tiles.ne(0)
                               .index({at::indexing::Slice(), at::indexing::Slice(), some->q_tile.to(at::kLong)})
                               .index_select(3, some->k_tile.to(at::kLong));
  CHECK(at::equal(exact, seen));

  // Long sequences: tiles of several rows.
  const QKV large = random_qkv(1, 5000, 5000, 2, 2, 8);
  const auto tiled = causal->describe_call(large.q, large.k, large.v, {}, {}, true);
  CHECK(tiled->attended_pairs == 2 * 5000 * 5001 / 2);
  CHECK(tiled->query_tiles < 2049);
  CHECK(tiled->q_tile.max().item<int>() == tiled->query_tiles - 1);
  const at::Tensor triangle = at::ones({tiled->query_tiles, tiled->kv_tiles}, at::kByte).tril();
  CHECK(at::equal(tiled->mask_tiles[0][1], triangle));
}

TEST_CASE("results do not depend on autocast") {
  LocalAttention layer(layer_options(2, 16));
  const QKV t = random_qkv(1, 33, 33, 2, 2, 16);
  const at::Tensor without = layer->forward(t.q, t.k, t.v);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor with = layer->forward(t.q, t.k, t.v);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  CHECK(at::equal(with, without));
}

TEST_CASE("tensor values share the memory of the tensor") {
  at::Tensor t = at::randn({3, 4}).t();
  const TensorValue value = to_value(t);
  CHECK(value.view().data == t.data_ptr());
  at::Tensor back = to_tensor(value);
  CHECK(at::equal(back, t));
  back.fill_(2);
  CHECK(t.sum().item<float>() == 24);
  CHECK_CONTAINS(error_of([] { to_value(at::zeros({2}, at::kComplexFloat)); }), "float64, float32");
}
