#include <fvattn/torch/distributed_attention.hpp>

#include "distributed_core.hpp"

namespace fvattn {
namespace {

ShardedInputs sharded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& text_q,
                      const at::Tensor& text_k, const at::Tensor& text_v, const Extras& extras) {
  ShardedInputs in{q, k, v, text_q, text_k, text_v, {}};
  for (const auto& [name, tensor] : extras.tensors)
    if (tensor.defined()) in.extras.push_back({name, tensor});
  return in;
}

}  // namespace

DistributedAttentionImpl::DistributedAttentionImpl(LocalAttentionOptions options, std::shared_ptr<Communicator> communicator)
    : core_(std::make_unique<DistributedCore>(std::move(options), std::move(communicator))) {}
DistributedAttentionImpl::~DistributedAttentionImpl() = default;

std::pair<at::Tensor, at::Tensor> DistributedAttentionImpl::forward(const at::Tensor& q, const at::Tensor& k,
                                                                    const at::Tensor& v, const at::Tensor& replicated_q,
                                                                    const at::Tensor& replicated_k,
                                                                    const at::Tensor& replicated_v, const Extras& extras,
                                                                    const DistributedCallOptions& call) {
  DistributedResult result = core_->forward(sharded(q, k, v, replicated_q, replicated_k, replicated_v, extras),
                                            extras.original_seq_len, call, is_training());
  return {std::move(result.o), std::move(result.text_o)};
}

const LocalAttentionOptions& DistributedAttentionImpl::options() const { return core_->options(); }
Communicator& DistributedAttentionImpl::communicator() const { return core_->communicator(); }
const HeadSplit& DistributedAttentionImpl::head_split() const { return core_->heads(); }
const AttentionBackend* DistributedAttentionImpl::backend() const { return core_->backend(); }
LayerCounters DistributedAttentionImpl::counters() const { return core_->counters(); }
void DistributedAttentionImpl::pretty_print(std::ostream& stream) const { core_->print(stream, "DistributedAttention"); }

DistributedAttentionVSAImpl::DistributedAttentionVSAImpl(LocalAttentionOptions options,
                                                         std::shared_ptr<Communicator> communicator)
    : core_(std::make_unique<DistributedCore>(std::move(options), std::move(communicator))) {}
DistributedAttentionVSAImpl::~DistributedAttentionVSAImpl() = default;

std::pair<at::Tensor, at::Tensor> DistributedAttentionVSAImpl::forward(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& replicated_q,
    const at::Tensor& replicated_k, const at::Tensor& replicated_v, const at::Tensor& gate_compress, const Extras& extras,
    const DistributedCallOptions& call) {
  Status refusal;
  if (replicated_q.defined() || replicated_k.defined() || replicated_v.defined())
    refusal = Status::error(Code::invalid_argument, "Replicated QKV is not supported for VSA now");
  Extras all = extras;
  if (gate_compress.defined() && !all.tensors.emplace("gate_compress", gate_compress).second)
    refusal =
        Status::error(Code::invalid_argument, "the gate came twice", "an argument and the extra 'gate_compress'", "one");
  DistributedResult result = core_->forward(sharded(q, k, v, {}, {}, {}, all), extras.original_seq_len, call, is_training(),
                                            std::move(refusal));
  return {std::move(result.o), std::move(result.text_o)};
}

const LocalAttentionOptions& DistributedAttentionVSAImpl::options() const { return core_->options(); }
Communicator& DistributedAttentionVSAImpl::communicator() const { return core_->communicator(); }
const HeadSplit& DistributedAttentionVSAImpl::head_split() const { return core_->heads(); }
const AttentionBackend* DistributedAttentionVSAImpl::backend() const { return core_->backend(); }
LayerCounters DistributedAttentionVSAImpl::counters() const { return core_->counters(); }
void DistributedAttentionVSAImpl::pretty_print(std::ostream& stream) const {
  core_->print(stream, "DistributedAttentionVSA");
}

}  // namespace fvattn
