#include "run/ranks_call.hpp"

#include "ranks/rank_device.hpp"
#include "ranks/tensor_moves.hpp"
#include "run/setup.hpp"

#include <fvattn/torch/distributed_attention.hpp>

#include <torch/torch.h>

#include <chrono>

namespace fvattn::host {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kGate = "gate_compress";

Status refuse(const std::string& what) {
  return Status::error(Code::invalid_argument, what + " is not possible over several ranks", {}, {}, "run it with one rank");
}

Status check(const Inputs& in, const Keys& keys) {
  if (in.q.size(1) != in.k.size(1)) return refuse("attention from one sequence to another");
  if (in.others.count("cu_seqlens_q") + in.others.count("cu_seqlens_k") > 0) return refuse("packed sequences (cu_seqlens)");
  if (keys.call.return_lse) return refuse("parameter 'return_lse'");
  if (keys.layer.text_length != 0)
    return Status::error(Code::invalid_argument, "parameter 'text_length' is not possible over several ranks", {}, {},
                         "give the text as text_q, text_k, text_v");
  if (keys.training && keys.layer.dropout_p > 0) return refuse("dropout that is the same as with one rank");
  return {};
}

/// What a rank brings to the layer: its rows, and what all have.
struct Part {
  Inputs in;
  Tensors extras;
  std::map<std::string, bool> by_rows;  // of the inputs that may have gradients

  void take_leaves(const Leaves& wanted, std::vector<std::string>& names, std::vector<at::Tensor>& leaves) const {
    Tensors all = all_tensors(in);
    all.insert(extras.begin(), extras.end());
    for (const auto& [gradient, shape] : wanted) {
      names.push_back(gradient);
      leaves.push_back(all.at(gradient.substr(2)).requires_grad_(true));  // "d_q" is of q
    }
  }
};

// The small tensors have to be whole everywhere, some before the backend is known.
Status share_others(Ranks& ranks, Inputs& in) {
  TensorMoves moves(*ranks.communicator(), "inputs for all");
  for (auto& [name, tensor] : in.others)
    if (name != kGate) tensor = moves.send_to_all(name, tensor);
  return moves.run();
}

Result<Part> give_out(Ranks& ranks, const Inputs& in, const Setup& setup, const Ranges& rows) {
  Part part;
  TensorMoves moves(*ranks.communicator(), "rows of the inputs");
  Tensors mine;
  for (const auto& [name, tensor] : all_tensors(in)) {
    if (setup.extras.count(name) + in.others.count(name) > 0) continue;
    const bool is_text = name.find("text_") != std::string::npos;
    part.by_rows["d_" + name] = !is_text;
    mine[name] = is_text ? moves.send_to_all(name, tensor) : moves.scatter_rows(name, tensor, rows);
  }
  for (const auto& [name, tensor] : setup.extras) {
    int32_t shard = FVATTN_SHARD_REPLICATED;
    for (const TensorKey& key : setup.selection.backend->tensor_keys())
      if (key.name == name) shard = key.shard;
    const bool spread = name == kGate || shard == FVATTN_SHARD_SEQ_HEADS || shard == FVATTN_SHARD_SEQ;
    const Range& own = rows[static_cast<size_t>(ranks.rank())];
    part.by_rows["d_" + name] = spread;
    part.extras[name] = name == kGate ? moves.scatter_rows(name, tensor, rows)
                        : spread      ? tensor.detach().narrow(1, own.begin, own.size)
                                      : tensor.detach();
  }
  if (Status status = moves.run(); !status.ok()) return status;
  part.in = inputs_of(std::move(mine));
  return part;
}

void differentiate(const Ranks& ranks, const Part& part, const at::Tensor& o, const at::Tensor& text_o,
                   const std::vector<at::Tensor>& leaves, std::vector<at::Tensor>& gradients, double& ms) {
  std::vector<at::Tensor> results{o}, given{part.in.d_o};
  if (text_o.defined()) {
    results.push_back(text_o);
    // The layer adds up what the ranks say about the text: one says it.
    given.push_back(part.in.d_text_o.defined() && ranks.is_root() ? part.in.d_text_o : at::zeros_like(text_o));
  }
  const Clock::time_point start = Clock::now();
  gradients = torch::autograd::grad(results, leaves, given, std::nullopt, false, /*allow_unused=*/true);
  ms = ms_since(start, o.device());
  for (size_t i = 0; i < leaves.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(leaves[i]);
}

}  // namespace

Result<CallResult> call_over_ranks(Ranks& ranks, Inputs in, Keys keys, const std::string& backend) {
  Status status = check(in, keys);
  if (const auto told = ranks.tell(status); !told) return told.status();
  if (status = share_others(ranks, in); !status.ok()) return status;
  auto setup = set_up(in, std::move(keys), backend);
  if (const auto told = ranks.tell(setup.status()); !told) return told.status();

  const Ranges rows = split_evenly(in.q.size(1), ranks.size());
  auto part = give_out(ranks, in, *setup, rows);
  if (!part) return part.status();
  const torch::AutoGradMode grad_mode(in.wants_gradients());
  std::vector<std::string> names;
  std::vector<at::Tensor> leaves, gradients;
  part->take_leaves(setup->leaves, names, leaves);

  LocalAttentionOptions options = setup->keys.layer;
  options.text_length = 0;  // to a distributed layer text is what is replicated
  DistributedAttention layer(std::move(options), ranks.communicator());
  layer->train(setup->keys.training);
  const ForwardContextScope scope(setup->context);
  DistributedCallOptions call;
  for (const Range& range : rows) call.sequence_lengths.push_back(range.size);
  const Inputs& mine = part->in;
  CallResult result;
  const Clock::time_point start = Clock::now();
  const auto [o, text_o] = layer->forward(mine.q, mine.k, mine.v, mine.text_q, mine.text_k, mine.text_v,
                                          {part->extras, std::nullopt}, call);
  result.forward_ms = ms_since(start, o.device());
  result.selection = setup->selection;
  if (in.wants_gradients()) differentiate(ranks, *part, o, text_o, leaves, gradients, result.backward_ms);

  TensorMoves moves(*ranks.communicator(), "rows of the results");
  Tensors stacked;
  result.outputs["o"] = moves.gather_rows("o", o, rows);
  if (text_o.defined()) result.outputs["text_o"] = text_o.detach();
  for (size_t i = 0; i < names.size(); ++i) {
    if (part->by_rows.at(names[i])) result.outputs[names[i]] = moves.gather_rows(names[i], gradients[i], rows);
    else stacked[names[i]] = moves.stack(names[i], gradients[i]);
  }
  if (status = moves.run(); !status.ok()) return status;
  for (const auto& [name, all] : stacked) result.outputs[name] = all.sum(0);
  if (ranks.is_root() && setup->selection.backend->has_describe()) {
    const torch::NoGradGuard no_grad;
    const Operands all = joined_operands(in);
    result.description = LocalAttention(setup->keys.layer)
                             ->describe_call(all.q.detach(), all.k.detach(), all.v.detach(), {setup->extras, std::nullopt});
  }
  return result;
}

}  // namespace fvattn::host
