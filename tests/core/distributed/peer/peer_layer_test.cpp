// A distributed layer over the peer transport, in place and through slots: forward and gradients of one rank.
#include "peer_group.hpp"

#include <fvattn/torch/distributed_attention.hpp>

#include "core/layers/fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Sides {
  at::Tensor o, text_o;
  std::vector<at::Tensor> gradients;  // q, k, v, text q, k, v
  std::string error;
};

constexpr int64_t kRows = 29, kText = 3, kHeads = 5, kDim = 16;

Sides one_rank(const QKV& whole, const QKV& text, const at::Tensor& weight) {
  std::vector<at::Tensor> in;
  for (const at::Tensor* t : {&whole.q, &whole.k, &whole.v, &text.q, &text.k, &text.v})
    in.push_back(t->clone().requires_grad_(true));
  LocalAttention layer(layer_options(kHeads, kDim));
  const auto joined = [&](size_t i) { return at::cat({in[i], in[i + 3]}, 1); };
  const at::Tensor o = layer->forward(joined(0), joined(1), joined(2));
  (o * weight).sum().backward();
  Sides sides{o.narrow(1, 0, kRows).detach(), o.narrow(1, kRows, kText).detach(), {}, ""};
  for (const at::Tensor& t : in) sides.gradients.push_back(t.grad());
  return sides;
}

Sides this_rank_of(std::shared_ptr<Communicator> self, const QKV& whole, const QKV& text, const at::Tensor& weight) {
  const Range rows = split_evenly(kRows, self->size())[static_cast<size_t>(self->rank())];
  const auto mine = [&](const at::Tensor& t) { return t.narrow(1, rows.begin, rows.size); };
  std::vector<at::Tensor> in;
  for (const at::Tensor* t : {&whole.q, &whole.k, &whole.v}) in.push_back(mine(*t).clone().requires_grad_(true));
  for (const at::Tensor* t : {&text.q, &text.k, &text.v}) in.push_back(t->clone().requires_grad_(true));
  DistributedAttention layer(layer_options(kHeads, kDim), self);
  const auto [o, text_o] = layer->forward(in[0], in[1], in[2], in[3], in[4], in[5]);
  at::Tensor loss = (o * mine(weight)).sum();
  if (self->rank() == 0) loss = loss + (text_o * weight.narrow(1, kRows, kText)).sum();
  loss.backward();
  Sides sides{o.detach(), text_o.detach(), {}, ""};
  for (const at::Tensor& t : in) sides.gradients.push_back(t.grad().defined() ? t.grad() : at::zeros_like(t));
  return sides;
}

}  // namespace

TEST_CASE("P ranks over peer give what one gives") {
  const QKV whole = random_qkv(2, kRows, kRows, kHeads, kHeads, kDim);
  const QKV text = random_qkv(2, kText, kText, kHeads, kHeads, kDim);
  const at::Tensor weight = at::randn({2, kRows + kText, kHeads, kDim});
  const Sides expected = one_rank(whole, text, weight);
  for (const int ranks : {2, 3, 4})
    for (const bool shares : {true, false}) {
      CAPTURE(ranks);
      CAPTURE(shares);
      PeerGroup group = make_peer_group(ranks, shares, 2);
      std::vector<Sides> sides(group.ranks.size());
      on_ranks(group.ranks, [&](Communicator& self) {
        const auto r = static_cast<size_t>(self.rank());
        try {
          sides[r] = this_rank_of(group.ranks[r], whole, text, weight);
        } catch (const std::exception& error) {
          sides[r].error = error.what();
        }
      });
      std::vector<at::Tensor> o;
      for (const Sides& s : sides) {
        REQUIRE(s.error == "");
        o.push_back(s.o);
        CHECK(relative_error(s.text_o, expected.text_o) < 1e-5);
      }
      CHECK(relative_error(at::cat(o, 1), expected.o) < 1e-5);
      for (size_t i = 0; i < 6; ++i) {
        std::vector<at::Tensor> parts;
        for (const Sides& s : sides) parts.push_back(s.gradients[i]);
        const at::Tensor all = i < 3 ? at::cat(parts, 1) : at::stack(parts).sum(0);
        CHECK(relative_error(all, expected.gradients[i]) < 1e-5);
      }
      if (shares) CHECK(group.ranks[0]->stats().copies == 0);
    }
}

TEST_CASE("without gradients what arrives is attended where it was written, call after call") {
  constexpr int kCalls = 4;
  for (const int ranks : {2, 3}) {
    CAPTURE(ranks);
    PeerGroup group = make_peer_group(ranks, false, 2);
    std::vector<QKV> whole, text;
    std::vector<Sides> expected;
    for (int i = 0; i < kCalls; ++i) {
      whole.push_back(random_qkv(2, kRows, kRows, kHeads, kHeads, kDim));
      text.push_back(random_qkv(2, kText, kText, kHeads, kHeads, kDim));
      expected.push_back(one_rank(whole.back(), text.back(), at::ones({2, kRows + kText, kHeads, kDim})));
    }
    std::vector<double> errors(group.ranks.size(), 1e9);
    on_ranks(group.ranks, [&](Communicator& self) {
      const at::NoGradGuard no_grad;
      const auto r = static_cast<size_t>(self.rank());
      const Range rows = split_evenly(kRows, ranks)[r];
      const auto mine = [&](const at::Tensor& t) { return t.narrow(1, rows.begin, rows.size).clone(); };
      DistributedAttention layer(layer_options(kHeads, kDim), group.ranks[r]);
      std::vector<at::Tensor> all;
      for (size_t i = 0; i < kCalls; ++i)
        all.push_back(layer->forward(mine(whole[i].q), mine(whole[i].k), mine(whole[i].v), text[i].q, text[i].k, text[i].v)
                          .first);
      errors[r] = 0;
      for (size_t i = 0; i < kCalls; ++i) errors[r] = std::max(errors[r], relative_error(all[i], mine(expected[i].o)));
    });
    for (const double error : errors) CHECK(error < 1e-5);
    // The outputs o and text_o, which callers keep.
    CHECK(group.ranks[0]->stats().copies == 2 * kCalls);
  }
}
