#include "distributed_contract.hpp"

#include <ATen/core/grad_mode.h>

namespace fvattn {
namespace {

Status bad(std::string what, std::string got, std::string accepted = {}) {
  return Status::error(Code::invalid_argument, std::move(what), std::move(got), std::move(accepted));
}

std::string text_of(const at::Tensor& t) {
  if (!t.defined()) return "undefined";
  std::string text = "[";
  for (int64_t d = 0; d < t.dim(); ++d) text.append(d == 0 ? "" : ", ").append(std::to_string(t.size(d)));
  return text + "] " + c10::toString(t.scalar_type()) + " on " + t.device().str();
}

Status check_text(const ShardedInputs& in, const LayerShape& shape) {
  const at::Tensor *texts[] = {&in.text_q, &in.text_k, &in.text_v}, *shards[] = {&in.q, &in.k, &in.v};
  int given = 0;
  for (const at::Tensor* text : texts) given += text->defined();
  if (given == 0) return {};
  if (given != 3)
    return bad("replicated tokens come as q, k and v", std::to_string(given) + " of them", "all three, or none");
  if (Status status = check_qkv(in.text_q, in.text_k, in.text_v, shape); !status.ok()) {
    status.what = "replicated tokens: " + status.what;
    return status;
  }
  for (int i = 0; i < 3; ++i) {
    const at::Tensor &text = *texts[i], &shard = *shards[i];
    if (text.size(0) != shard.size(0) || text.size(1) != in.text_q.size(1) || text.size(3) != shard.size(3) ||
        text.scalar_type() != shard.scalar_type() || text.device() != shard.device())
      return bad("replicated tokens must be like q, k and v but for their number",
                 text_of(text) + " beside " + text_of(shard));
  }
  return {};
}

}  // namespace

Status check_sharded(const ShardedInputs& in, const LayerShape& shape, const Communicator& communicator,
                     const DistributedCallOptions& call) {
  if (Status status = check_qkv(in.q, in.k, in.v, shape); !status.ok()) return status;
  if (in.q.size(1) != in.k.size(1))
    return bad("a distributed layer is for self-attention: q, k and v have the same rows",
               text_of(in.q) + " and " + text_of(in.k), {});
  if (Status status = check_text(in, shape); !status.ok()) return status;
  if (communicator.size() > 1 && !in.q.is_cpu() && !communicator.moves_device_memory())
    return bad("the transport '" + communicator.name() + "' moves memory of the CPU", in.q.device().str(), "cpu");
  for (const NamedTensor& extra : in.extras)
    if (extra.tensor.layout() != at::kStrided || extra.tensor.device() != in.q.device() ||
        !dl_dtype(extra.tensor.scalar_type()))
      return bad("the input '" + extra.name + "' must be a dense tensor on the device of q", text_of(extra.tensor),
                 in.q.device().str());
  if (call.sequence_lengths.empty()) return {};
  const auto rank = static_cast<size_t>(communicator.rank());
  if (call.sequence_lengths.size() != static_cast<size_t>(communicator.size()) ||
      call.sequence_lengths[rank] != in.q.size(1))
    return bad("sequence_lengths must have the rows of every rank",
               to_string(Value(call.sequence_lengths)) + " with " + std::to_string(in.q.size(1)) + " rows on rank " +
                   std::to_string(rank),
               std::to_string(communicator.size()) + " numbers");
  return {};
}

std::string gradients_of(const ShardedInputs& in) {
  std::string names;
  if (!at::GradMode::is_enabled()) return names;
  const auto add = [&](const char* name, const at::Tensor& t) {
    if (t.defined() && t.requires_grad()) names.append(names.empty() ? "" : " ").append(name);
  };
  add("q", in.q);
  add("k", in.k);
  add("v", in.v);
  add("replicated_q", in.text_q);
  add("replicated_k", in.text_k);
  add("replicated_v", in.text_v);
  for (const NamedTensor& extra : in.extras) add(extra.name.c_str(), extra.tensor);
  return names;
}

Contract contract_of(const ShardedInputs& in, const LayerShape& shape, const DistributedCallOptions& call,
                     const std::optional<int64_t>& original_seq_len, double dropout_p) {
  Contract c;
  c.add("rows", in.q.size(1), false);
  c.add("the layer", shape.layer_index);
  c.add("batch", in.q.size(0));
  c.add("heads", shape.heads);
  c.add("kv heads", shape.kv_heads);
  c.add("head size", in.q.size(3));
  c.add("head size of v", in.v.size(3));
  c.add("dtype", c10::toString(in.q.scalar_type()));
  c.add("device", in.q.is_cuda() ? "cuda" : "cpu");
  c.add("softmax_scale", to_string(Value(shape.scale)));
  c.add("causal", shape.causal ? "yes" : "no");
  c.add("determinism", shape.deterministic ? "needed" : "not needed");
  c.add("dropout", to_string(Value(dropout_p)));
  c.add("replicated rows", in.text_rows());
  c.add("original_seq_len", original_seq_len ? std::to_string(*original_seq_len) : "not given");
  c.add("sequence_lengths", call.sequence_lengths.empty() ? "not given" : to_string(Value(call.sequence_lengths)));
  std::string extras;
  for (const NamedTensor& extra : in.extras)
    extras.append(extras.empty() ? "" : " ").append(extra.name + ":" + c10::toString(extra.tensor.scalar_type()));
  c.add("extras", extras.empty() ? "none" : extras);
  const std::string gradients = gradients_of(in);
  c.add("gradients", gradients.empty() ? "none" : gradients);
  return c;
}

void add_backend(Contract& contract, const AttentionBackend& backend, const AttentionMetadata* metadata) {
  contract.add("the backend", backend.qualified_name() + " " + backend.plugin_version());
  if (metadata == nullptr) return;
  for (const auto& [key, value] : metadata->values()) {
    const auto* tensor = std::get_if<TensorValue>(&value);
    contract.add("metadata " + key, tensor != nullptr ? "a tensor " + to_string(Value(tensor->shape())) : to_string(value));
  }
}

}  // namespace fvattn
