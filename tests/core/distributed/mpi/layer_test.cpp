// Under mpirun: every backend over P processes gives what one process gives, forward and backward.
#include <fvattn/torch/distributed_attention.hpp>

#include "../../layers/fixture.hpp"
#include "rank.hpp"

#include <thread>

using namespace fvattn;
using namespace fvattn::test;

namespace {

constexpr int64_t kRows = 3 * 7 * 5;  // no number of ranks divides it

struct Case {
  std::string backend;
  int64_t heads = 6, kv_heads = 6, text = 0, batch = 1;
  KeyValues metadata{};
  bool causal = false, gate = false;
};

std::vector<Case> cases() {
  const std::vector<int64_t> grid{3, 7, 5};
  const KeyValues sta{{"dit_seq_shape", grid}, {"tile_size", std::vector<int64_t>{1, 3, 2}},
                      {"window_size", std::vector<int64_t>{3, 3, 1}}};
  const KeyValues vsa{{"dit_seq_shape", grid}, {"VSA_sparsity", 0.5}};
  const KeyValues vmoba{{"dit_seq_shape", grid},
                        {"temporal_chunk_size", int64_t{1}}, {"temporal_topk", int64_t{2}},
                        {"spatial_chunk_size", std::vector<int64_t>{7, 1}}, {"spatial_topk", int64_t{2}},
                        {"st_chunk_size", std::vector<int64_t>{1, 7, 1}}, {"st_topk", int64_t{4}},
                        {"moba_select_mode", std::string("topk")}, {"first_full_step", int64_t{0}}};
  std::vector<Case> all;
  for (const char* exact : {"TORCH_SDPA", "FLASH_ATTN"}) {
    all.push_back({.backend = exact, .heads = 7, .kv_heads = 7, .text = 5});
    all.push_back({.backend = exact, .heads = 6, .kv_heads = 2, .text = 3, .batch = 2});
    all.push_back({.backend = exact, .heads = 8, .kv_heads = 4, .causal = true});
  }
  all.push_back({.backend = "SLIDING_TILE_ATTN", .heads = 7, .kv_heads = 7, .text = 5, .metadata = sta});
  all.push_back({.backend = "SLIDING_TILE_ATTN", .heads = 6, .kv_heads = 2, .metadata = sta});
  all.push_back({.backend = "VIDEO_SPARSE_ATTN", .heads = 7, .kv_heads = 7, .metadata = vsa, .gate = true});
  all.push_back({.backend = "VIDEO_SPARSE_ATTN", .heads = 6, .kv_heads = 2, .metadata = vsa});
  all.push_back({.backend = "VMOBA_ATTN", .heads = 7, .kv_heads = 7, .metadata = vmoba});
  all.push_back({.backend = "VMOBA_ATTN", .heads = 6, .kv_heads = 2, .metadata = vmoba});
  return all;
}

LocalAttentionOptions options_of(const Case& c) {
  LocalAttentionOptions options = layer_options(c.heads, 64, c.backend);
  options.num_kv_heads = c.kv_heads;
  options.causal = c.causal;
  return options;
}

ForwardContext context_of(const Case& c) {
  ForwardContext context;
  if (c.metadata.empty()) return context;
  auto builder = test_context().metadata_builder(c.backend).value();
  builder->prepare();
  context.add(builder->build(c.metadata).value());
  return context;
}

/// The same numbers on every rank.
struct Tensors {
  std::vector<at::Tensor> video, text;  // q, k, v (and the gate); text of q, k, v
  at::Tensor weight, text_weight;       // of the loss; the text's by rank

  Tensors(const Case& c, int ranks) {
    const auto draw = [&](int64_t rows, int64_t heads) { return at::randn({c.batch, rows, heads, 64}); };
    for (const int64_t heads : {c.heads, c.kv_heads, c.kv_heads}) {
      video.push_back(draw(kRows, heads));
      text.push_back(draw(c.text, heads));
    }
    if (c.gate) video.push_back(draw(kRows, c.heads));
    weight = draw(kRows, c.heads);
    text_weight = at::randn({ranks, c.batch, c.text, c.heads, 64});
  }
};

at::Tensor leaf(const at::Tensor& t) { return t.detach().clone().requires_grad_(true); }

struct Results {
  at::Tensor o, text_o;
  std::vector<at::Tensor> gradients;  // of the video tensors, then of the text
};

Results on_one_rank(const Case& c, const Tensors& given) {
  std::vector<at::Tensor> video, text, joined;
  for (const at::Tensor& t : given.video) video.push_back(leaf(t));
  for (const at::Tensor& t : given.text) text.push_back(leaf(t));
  for (size_t i = 0; i < 3; ++i) joined.push_back(at::cat({video[i], text[i]}, 1));
  LocalAttentionOptions options = options_of(c);
  options.text_length = c.text;
  Extras extras;
  if (c.gate) extras.tensors["gate_compress"] = video[3];
  const at::Tensor all = LocalAttention(options)->forward(joined[0], joined[1], joined[2], extras);
  Results results{all.narrow(1, 0, kRows), all.narrow(1, kRows, c.text), {}};
  ((results.o * given.weight).sum() + (results.text_o * given.text_weight.sum(0)).sum()).backward();
  for (const auto& list : {video, text})
    for (const at::Tensor& t : list) results.gradients.push_back(t.grad());
  return results;
}

Results over_ranks(const Case& c, const Tensors& given, const Range& rows) {
  std::vector<at::Tensor> video, text;
  for (const at::Tensor& t : given.video) video.push_back(leaf(t.narrow(1, rows.begin, rows.size)));
  for (const at::Tensor& t : given.text) text.push_back(c.text > 0 ? leaf(t) : at::Tensor());
  DistributedAttention layer(options_of(c), this_rank());
  Extras extras;
  if (c.gate) extras.tensors["gate_compress"] = video[3];
  Results results;
  std::tie(results.o, results.text_o) = layer->forward(video[0], video[1], video[2], text[0], text[1], text[2], extras);
  at::Tensor loss = (results.o * given.weight.narrow(1, rows.begin, rows.size)).sum();
  if (c.text > 0) loss = loss + (results.text_o * given.text_weight[this_rank()->rank()]).sum();
  loss.backward();
  for (const at::Tensor& t : video) results.gradients.push_back(t.grad());
  for (const at::Tensor& t : text)
    if (t.defined()) results.gradients.push_back(t.grad());
  return results;
}

// The sum over ranks of a tensor of the same shape on all.
at::Tensor summed(const at::Tensor& mine) {
  Communicator& self = *this_rank();
  const at::Tensor source = mine.detach().contiguous(), parts = at::empty({self.size(), source.numel()});
  const int64_t bytes = source.numel() * 4;
  std::vector<int64_t> one(static_cast<size_t>(self.size()), 1);
  // Rows are ranks, and the one "head" of a row goes to everybody.
  const Ranges heads(one.size(), {0, 1});
  const auto layout = [&](const at::Tensor& t, int64_t rows) {
    return Layout{static_cast<std::byte*>(t.data_ptr()), 1, rows, 1, bytes, bytes, rows * bytes};
  };
  REQUIRE(self.exchange({"sum", {{"t", Pattern::scatter_heads, consecutive(one), heads, layout(source, 1),
                                  layout(parts, self.size())}}}).ok());
  return parts.sum(0).view(mine.sizes());
}

}  // namespace

TEST_CASE("P processes give what one gives, forward and backward, for every backend") {
  for (const Case& c : cases()) {
    CAPTURE(c.backend);
    CAPTURE(c.heads);
    at::manual_seed(11);
    const Tensors given(c, this_rank()->size());
    const ForwardContextScope scope(context_of(c));
    const Range rows = split_evenly(kRows, this_rank()->size())[static_cast<size_t>(this_rank()->rank())];
    const auto mine = [&](const at::Tensor& t) { return t.narrow(1, rows.begin, rows.size); };
    const Results expected = on_one_rank(c, given);
    const CommunicatorStats before = this_rank()->stats();
    const Results got = over_ranks(c, given, rows);
    CHECK(relative_error(got.o, mine(expected.o)) < 1e-5);
    if (c.text > 0) CHECK(relative_error(got.text_o, expected.text_o) < 1e-5);
    const size_t sharded = given.video.size();
    for (size_t i = 0; i < got.gradients.size(); ++i) {
      CAPTURE(i);
      if (i < sharded) CHECK(relative_error(got.gradients[i], mine(expected.gradients[i])) < 1e-5);
      else CHECK(relative_error(summed(got.gradients[i]), expected.gradients[i]) < 1e-5);
    }
    CHECK(this_rank()->stats().exchanges - before.exchanges >= 4);
  }
}

TEST_CASE("layers that alternate, one process late, do not disturb each other") {
  at::manual_seed(3);
  const Case wide{.backend = "TORCH_SDPA", .heads = 8, .kv_heads = 4};
  const Case narrow{.backend = "TORCH_SDPA", .heads = 3, .kv_heads = 3};
  DistributedAttention layers[] = {DistributedAttention(options_of(wide), this_rank()),
                                   DistributedAttention(options_of(narrow), this_rank())};
  const Range rows = split_evenly(kRows, this_rank()->size())[static_cast<size_t>(this_rank()->rank())];
  for (int i = 0; i < 6; ++i) {
    const Case& c = i % 2 == 0 ? wide : narrow;
    const Tensors given(c, this_rank()->size());
    if (i % this_rank()->size() == this_rank()->rank()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto mine = [&](size_t t) { return given.video[t].narrow(1, rows.begin, rows.size); };
    const at::Tensor o = layers[i % 2]->forward(mine(0), mine(1), mine(2)).first;
    const at::Tensor whole = LocalAttention(options_of(c))->forward(given.video[0], given.video[1], given.video[2]);
    CHECK(relative_error(o, whole.narrow(1, rows.begin, rows.size)) < 1e-5);
  }
}
