#include "bench/contender.hpp"

#include "reference/attended.hpp"
#include "reference/attention.hpp"
#include "reference/relative_error.hpp"
#include "run/keys.hpp"
#include "run/problem.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

namespace fvattn::bench {
namespace {

constexpr const char* kGate = "gate_compress";
constexpr int64_t kUsualStep = 20, kUsualSteps = 50;  // past the steps that run dense by default
constexpr int64_t kSampledRows = 64;

KeyValues known_to(const AttentionBackend& backend, const KeyValues& values, std::vector<std::string>& unused) {
  KeyValues known;
  for (const auto& [key, value] : values)
    if (backend.metadata_schema().find(key) != nullptr || backend.option_schema().find(key) != nullptr)
      known.emplace(key, value);
    else if (key != "dit_seq_shape") unused.push_back(key);
  return known;
}

bool takes_gate(const AttentionBackend& backend) {
  for (const TensorKey& key : backend.tensor_keys())
    if (key.name == kGate) return true;
  return false;
}

}  // namespace

Operands Operands::random(const Workload& w, at::ScalarType dtype, at::Device place) {
  const at::TensorOptions options = at::TensorOptions(dtype).device(place);
  const std::vector<int64_t> q{w.batch, w.q_len, w.heads, w.dim}, kv{w.batch, w.keys(), w.key_heads(), w.dim};
  return {at::randn(q, options), at::randn(kv, options), at::randn(kv, options),
          w.grid.empty() ? at::Tensor() : at::randn(q, options), at::randn(q, options)};
}

Result<std::unique_ptr<Contender>> Contender::prepare(const std::string& name, const Workload& workload,
                                                      const Operands& operands, bool backward) {
  const Result<const AttentionBackend*> backend = default_context().registry().find(name);
  if (!backend) return backend.status();
  std::unique_ptr<Contender> made(new Contender(**backend, workload, operands));
  KeyValues values = workload.parameters;
  if (!workload.grid.empty()) values.emplace("dit_seq_shape", workload.grid);
  if ((*backend)->approximate()) values.emplace("current_timestep", kUsualStep), values.emplace("total_steps", kUsualSteps);
  Result<host::Keys> keys = host::sort_keys(std::move(values));
  if (!keys) return keys.status();
  keys->rest = known_to(**backend, keys->rest, made->unused_);
  const Result<host::BackendKeys> split = host::split_rest(*keys, **backend);
  if (!split) return split.status();
  keys->layer.backend = (*backend)->qualified_name();
  keys->layer.num_heads = workload.heads;
  keys->layer.num_kv_heads = workload.key_heads();
  keys->layer.head_size = workload.dim;
  keys->layer.causal = keys->layer.causal || workload.causal;
  if (workload.text != 0) keys->layer.text_length = workload.text;
  keys->layer.impl_options = split->options;
  made->takes_gate_ = takes_gate(**backend) && operands.gate.defined();

  const Result<const Device*> device = host::device_of(operands.q.device());
  if (!device) return device.status();
  ForwardContext context = keys->context;
  auto built = (*backend)->make_builder(**device)->build(split->metadata);
  if (!built) return built.status();
  context.add(std::move(*built));
  made->context_ = std::make_shared<const ForwardContext>(std::move(context));
  try {
    made->layer_ = LocalAttention(keys->layer);
    made->layer_->train(keys->training);
    made->forward();
    if (backward) {
      const at::AutoGradMode with_grad(true);
      const ForwardContextScope scope(made->context_);
      for (const at::Tensor* leaf : {&operands.q, &operands.k, &operands.v})
        made->leaves_.push_back(leaf->detach().set_requires_grad(true));
      made->recorded_ = made->layer_->forward(made->leaves_[0], made->leaves_[1], made->leaves_[2], made->extras(false));
    }
  } catch (const Error& error) {
    return error.status();
  }
  return made;
}

Extras Contender::extras(bool shut) const {
  Extras extras;
  if (takes_gate_) extras.tensors.emplace(kGate, shut ? at::zeros_like(operands_.gate) : operands_.gate);
  return extras;
}

at::Tensor Contender::forward() const {
  const at::NoGradGuard no_grad;
  const ForwardContextScope scope(context_);
  return const_cast<LocalAttention&>(layer_)->forward(operands_.q, operands_.k, operands_.v, extras(false));
}

void Contender::backward() const { torch::autograd::grad({recorded_}, leaves_, {operands_.d_o}, /*retain_graph=*/true); }

std::optional<CallDescription> Contender::description(bool with_tiles) const {
  const ForwardContextScope scope(context_);
  return const_cast<LocalAttention&>(layer_)->describe_call(operands_.q, operands_.k, operands_.v, extras(false), {},
                                                            with_tiles);
}

int64_t Contender::pairs() const {
  if (!backend_->approximate()) return workload_.exact_pairs();
  const auto described = description(false);
  return described ? described->attended_pairs : workload_.exact_pairs();
}

double Contender::error() const {
  const at::NoGradGuard no_grad;
  const at::Tensor rows =
      at::randint(workload_.q_len, {std::min(kSampledRows, workload_.q_len)}, at::TensorOptions(at::kLong));
  reference::Question question{operands_.q, operands_.k, operands_.v, layer_->softmax_scale(), layer_->options().causal,
                               {},          rows,        {}};
  if (backend_->approximate()) {
    const auto described = description(true);
    if (!described) return std::nan("");
    question.seen =
        reference::attended(described->mask_tiles, described->q_tile, described->k_tile, rows).to(operands_.q.device());
  }
  const ForwardContextScope scope(context_);
  const at::Tensor o = const_cast<LocalAttention&>(layer_)->forward(operands_.q, operands_.k, operands_.v, extras(true));
  return reference::relative_error(o.index_select(1, rows.to(o.device())), reference::attention(question).o);
}

}  // namespace fvattn::bench
