// The distributed layers on P thread ranks against the local layer on the whole sequence: outputs, gradients, refusals.
#include <fvattn/torch/distributed_attention.hpp>

#include "fixture.hpp"
#include "group.hpp"

#include <map>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Case {
  int64_t batch = 1, rows = 37, heads = 12, kv_heads = 12, dim = 16, text = 0;
  bool causal = false;
  std::optional<int64_t> original = std::nullopt;
  std::string backend = "TORCH_SDPA";
  bool say_lengths = false;
};

LocalAttentionOptions options_of(const Case& c) {
  LocalAttentionOptions options = layer_options(c.heads, c.dim, c.backend);
  options.num_kv_heads = c.kv_heads;
  options.causal = c.causal;
  return options;
}

std::vector<at::Tensor> leaves(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& t : tensors) all.push_back(t.detach().clone().requires_grad_(true));
  return all;
}

/// One thread for each rank, which owns its end of the group. Returns the text of each rank's error, "" for none.
std::vector<std::string> each_rank(int ranks, const std::function<void(std::shared_ptr<Communicator>)>& body) {
  Group group = make_thread_communicators(ranks);
  std::vector<std::string> errors(group.size());
  std::vector<std::thread> threads;
  for (size_t r = 0; r < errors.size(); ++r)
    threads.emplace_back([&, r, mine = std::move(group[r])]() mutable {
      try {
        body(std::move(mine));
      } catch (const std::exception& error) {
        errors[r] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

void check_equal_to_one_rank(int ranks, const Case& c) {
  CAPTURE(ranks);
  CAPTURE(c.backend);
  const QKV whole = random_qkv(c.batch, c.rows, c.rows, c.heads, c.kv_heads, c.dim);
  const QKV text = random_qkv(c.batch, c.text, c.text, c.heads, c.kv_heads, c.dim);
  const at::Tensor weight = at::randn_like(whole.q), text_weight = at::randn({ranks, c.batch, c.text, c.heads, c.dim});
  const int64_t used = c.original.value_or(c.rows);

  const auto expect = leaves({whole.q, whole.k, whole.v, text.q, text.k, text.v});
  LocalAttention local(options_of(c));
  const auto joined = [&](int i) {
    return at::cat({expect[static_cast<size_t>(i)].narrow(1, 0, used), expect[static_cast<size_t>(i) + 3]}, 1);
  };
  const at::Tensor o = local->forward(joined(0), joined(1), joined(2));
  const at::Tensor o_text = o.narrow(1, used, c.text);
  ((o.narrow(1, 0, used) * weight.narrow(1, 0, used)).sum() + (o_text * text_weight.sum(0)).sum()).backward();

  const Ranges rows = split_evenly(c.rows, ranks);
  std::vector<at::Tensor> got_o(rows.size()), got_text(rows.size());
  std::vector<std::vector<at::Tensor>> gradients(rows.size());
  std::vector<CommunicatorStats> stats(rows.size());
  const auto errors = each_rank(ranks, [&](std::shared_ptr<Communicator> self) {
    const auto r = static_cast<size_t>(self->rank());
    const auto mine = [&](const at::Tensor& t) { return t.narrow(1, rows[r].begin, rows[r].size); };
    const auto in = leaves({mine(whole.q), mine(whole.k), mine(whole.v), text.q, text.k, text.v});
    const auto given = [&](size_t i) { return c.text > 0 ? in[i] : at::Tensor(); };
    DistributedAttention layer(options_of(c), self);
    Extras extras;
    extras.original_seq_len = c.original;
    DistributedCallOptions call;
    if (c.say_lengths)
      for (const Range& range : rows) call.sequence_lengths.push_back(range.size);
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (const at::Tensor& t : in) t.mutable_grad() = at::Tensor();
      const auto [out, out_text] = layer->forward(in[0], in[1], in[2], given(3), given(4), given(5), extras, call);
      at::Tensor loss = (out * mine(weight)).sum();
      if (c.text > 0) loss = loss + (out_text * text_weight[static_cast<int64_t>(r)]).sum();
      loss.backward();
      got_o[r] = out.detach();
      got_text[r] = out_text.defined() ? out_text.detach() : out_text;
    }
    for (const at::Tensor& t : in) gradients[r].push_back(t.grad().defined() ? t.grad() : at::zeros_like(t));
    stats[r] = self->stats();
  });
  for (const std::string& error : errors) REQUIRE(error == "");

  const at::Tensor all = at::cat(got_o, 1);
  CHECK(relative_error(all.narrow(1, 0, used), o.narrow(1, 0, used)) < 1e-5);
  CHECK(at::equal(all.narrow(1, used, c.rows - used), at::zeros({c.batch, c.rows - used, c.heads, c.dim})));
  for (size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    std::vector<at::Tensor> parts;
    at::Tensor text_sum = at::zeros_like(expect[i + 3]);
    for (const auto& rank : gradients) {
      parts.push_back(rank[i]);
      text_sum = text_sum + rank[i + 3];
    }
    CHECK(relative_error(at::cat(parts, 1), expect[i].grad()) < 1e-5);
    if (c.text > 0) CHECK(relative_error(text_sum, expect[i + 3].grad()) < 1e-5);
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    CHECK(got_text[r].defined() == (c.text > 0));
    if (c.text > 0) CHECK(relative_error(got_text[r], o_text) < 1e-5);
    if (c.text > 0) CHECK(at::equal(got_text[r], got_text[0]));
    CHECK(stats[r].copies == 0);
  }
}

std::vector<std::string> backends() {
#ifdef FVATTN_TEST_HAS_FLASH
  return {"TORCH_SDPA", "FLASH_ATTN"};
#else
  return {"TORCH_SDPA"};
#endif
}

}  // namespace

TEST_CASE("P ranks give what one gives, forward and backward") {
  std::map<std::string, Case> cases;
  cases["uneven heads and rows"] = {};
  cases["text"] = {.text = 5};
  cases["kv heads on several ranks, batch 2, text"] = {.batch = 2, .heads = 8, .kv_heads = 2, .text = 3};
  cases["one kv head, causal, lengths given"] = {.heads = 6, .kv_heads = 1, .causal = true, .say_lengths = true};
  cases["padding at the end"] = {.rows = 40, .text = 2, .original = 33};
  cases["more ranks than rows and heads"] = {.rows = 5, .heads = 3, .kv_heads = 3};
  for (const std::string& backend : backends())
    for (const int ranks : {1, 2, 3, 4, 8})
      for (auto& [name, c] : cases) {
        CAPTURE(name);
        c.backend = backend;
        check_equal_to_one_rank(ranks, c);
      }
}

TEST_CASE("a learned mask over all heads: each rank has the gradient of its heads") {
  Case c;
  c.heads = c.kv_heads = 5;
  const QKV whole = random_qkv(1, 9, 9, 5, 5, 16);
  const at::Tensor mask = at::randn({1, 5, 9, 9}), weight = at::randn_like(whole.q);
  at::Tensor expected = mask.clone().requires_grad_(true);
  LocalAttention local(options_of(c));
  const at::Tensor o = local->forward(whole.q, whole.k, whole.v, {{{"mask", expected}}, {}});
  (o * weight).sum().backward();
  std::vector<at::Tensor> found(2), out(2);
  const auto errors = each_rank(2, [&](std::shared_ptr<Communicator> self) {
    const auto r = static_cast<size_t>(self->rank());
    const Range rows = split_evenly(9, 2)[r];
    const auto mine = [&](const at::Tensor& t) { return t.narrow(1, rows.begin, rows.size); };
    const at::Tensor leaf = mask.clone().requires_grad_(true);
    DistributedAttention layer(options_of(c), self);
    out[r] = layer->forward(mine(whole.q), mine(whole.k), mine(whole.v), {}, {}, {}, {{{"mask", leaf}}, {}}).first;
    (out[r] * mine(weight)).sum().backward();
    found[r] = leaf.grad();
  });
  for (const std::string& error : errors) REQUIRE(error == "");
  CHECK(relative_error(at::cat(out, 1), o) < 1e-5);
  CHECK(relative_error(found[0] + found[1], expected.grad()) < 1e-5);
}

TEST_CASE("ranks that disagree all hear the values, and may go on") {
  struct Difference {
    std::string about, zero, one;
    std::function<void(Case&, at::ScalarType&)> apply;
  };
  const Difference differences[] = {
      {"dtype", "Float", "Double", [](Case&, at::ScalarType& dtype) { dtype = at::kDouble; }},
      {"batch", "1", "2", [](Case& c, at::ScalarType&) { c.batch = 2; }},
      {"causal", "no", "yes", [](Case& c, at::ScalarType&) { c.causal = true; }},
      {"replicated rows", "0", "4", [](Case& c, at::ScalarType&) { c.text = 4; }},
  };
  for (const Difference& difference : differences) {
    std::vector<int> good(2, 0);
    const auto errors = each_rank(2, [&](std::shared_ptr<Communicator> self) {
      Case c;
      const QKV usual = random_qkv(1, 8, 8, 12, 12, 16);
      DistributedAttention plain(options_of(c), self);
      at::ScalarType dtype = at::kFloat;
      if (self->rank() == 1) difference.apply(c, dtype);
      DistributedAttention layer(options_of(c), self);
      const QKV t = random_qkv(c.batch, 8, 8, c.heads, c.kv_heads, c.dim, dtype);
      const QKV text = random_qkv(c.batch, c.text, c.text, 12, 12, 16);
      const auto given = [&](const at::Tensor& x) { return c.text > 0 ? x : at::Tensor(); };
      const std::string error =
          error_of([&] { layer->forward(t.q, t.k, t.v, given(text.q), given(text.k), given(text.v)); });
      const bool told = error.find("ranks disagree on " + difference.about + "; got rank 0: " + difference.zero +
                                   ", rank 1: " + difference.one) != std::string::npos;
      if (!told) throw std::runtime_error("not told: " + error);
      plain->forward(usual.q, usual.k, usual.v);
      good[static_cast<size_t>(self->rank())] = 1;
    });
    for (const std::string& error : errors) CHECK(error == "");
    CHECK(good == std::vector<int>{1, 1});
  }
}

TEST_CASE("what one rank cannot do is an error on all, not a hang") {
  const auto forward = [](std::shared_ptr<Communicator> self, const std::string& backend, int64_t head_size) {
    Case c;
    c.backend = backend;
    const QKV t = random_qkv(1, 8, 8, 12, 12, head_size);
    DistributedAttention(options_of(c), self)->forward(t.q, t.k, t.v);
  };
  SUBCASE("a backend that nobody registered") {
    const auto errors =
        each_rank(2, [&](auto self) { forward(self, self->rank() == 1 ? "NO_SUCH_ATTN" : "TORCH_SDPA", 16); });
    CHECK_CONTAINS(errors[0], "rank 1 cannot take part: ");
    CHECK_CONTAINS(errors[0], "NO_SUCH_ATTN");
    CHECK_LACKS(errors[1], "cannot take part");
  }
  SUBCASE("tensors that are not the layer's") {
    const auto errors = each_rank(3, [&](auto self) { forward(self, "TORCH_SDPA", self->rank() == 2 ? 8 : 16); });
    CHECK_CONTAINS(errors[0], "rank 2 cannot take part: the tensors do not have this layer's heads");
    CHECK_CONTAINS(errors[2], "the tensors do not have this layer's heads");
  }
  SUBCASE("another backend") {
    if (backends().size() < 2) return;
    const auto errors = each_rank(2, [&](auto self) { forward(self, self->rank() == 1 ? "FLASH_ATTN" : "TORCH_SDPA", 16); });
    for (const std::string& error : errors) CHECK_CONTAINS(error, "ranks disagree on the backend; got rank 0: ");
  }
  SUBCASE("an exception before the layer") {
    const auto errors = each_rank(3, [&](auto self) {
      if (self->rank() == 1) throw std::runtime_error("no frames");
      forward(std::move(self), "TORCH_SDPA", 16);
    });
    CHECK_CONTAINS(errors[0], "rank 1 has left");
    CHECK_CONTAINS(errors[2], "rank 1 has left");
  }
  SUBCASE("an exception that is reported") {
    const auto errors = each_rank(2, [&](auto self) {
      if (self->rank() == 1) return self->abort("no frames");
      forward(self, "TORCH_SDPA", 16);
    });
    CHECK_CONTAINS(errors[0], "rank 1 aborted: no frames");
  }
}

TEST_CASE("a late rank is waited for") {
  const auto errors = each_rank(2, [&](std::shared_ptr<Communicator> self) {
    if (self->rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const QKV t = random_qkv(1, 8, 8, 12, 12, 16);
    DistributedAttention(options_of({}), self)->forward(t.q, t.k, t.v);
  });
  for (const std::string& error : errors) CHECK(error == "");
}

TEST_CASE("VSA's layer: replicated tokens are refused, a gate goes to the backend, none is allowed") {
  const QKV t = random_qkv(1, 8, 8, 4, 4, 16);
  DistributedAttentionVSA layer(layer_options(4, 16));
  CHECK_CONTAINS(error_of([&] { layer->forward(t.q, t.k, t.v, t.q, t.k, t.v); }),
                 "Replicated QKV is not supported for VSA now");
  const auto [o, text_o] = layer->forward(t.q, t.k, t.v);
  CHECK(relative_error(o, reference(t.q, t.k, t.v, 0.25, false).o) < 1e-5);
  CHECK_FALSE(text_o.defined());
  CHECK_CONTAINS(error_of([&] { layer->forward(t.q, t.k, t.v, {}, {}, {}, at::ones_like(t.q)); }), "gate_compress");
}
