#include <fvattn/torch/local_attention.hpp>

#include "layer_call.hpp"
#include "layer_index.hpp"
#include "layer_options.hpp"

#include <ATen/ops/constant_pad_nd.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <ostream>

namespace fvattn {

struct LocalAttentionImpl::State {
  LocalAttentionOptions options;
  LayerShape shape;
  CallSite site;
  std::atomic<uint64_t> calls = 0, copies = 0;
  std::atomic<const AttentionBackend*> latest = nullptr;
  std::atomic<at::ScalarType> dtype = at::typeMetaToScalarType(at::get_default_dtype());

  explicit State(LocalAttentionOptions given)
      : options(complete(std::move(given))),
        shape(layer_shape(options)),
        site(options.context != nullptr ? *options.context : default_context(), request_of(options),
             nominal_problem(options, shape), options.prefix, options.impl_options) {}

  Inputs inputs_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras) const {
    if (Status status = check_qkv(q, k, v, shape); !status.ok()) throw Error(named(std::move(status)));
    Inputs inputs{q, k, v, {}};
    for (const auto& [name, tensor] : extras.tensors)
      if (tensor.defined()) inputs.extras.push_back({name, tensor});
    return inputs;
  }

  ReadyCall ready(Inputs& inputs, const CallOptions& call, bool training) {
    uint64_t copied = 0;
    auto made = make_ready(site, inputs, shape, call, call.text_length.value_or(options.text_length),
                           training ? options.dropout_p : 0, copied);
    if (copied != 0) copies.fetch_add(copied, std::memory_order_relaxed);
    if (!made) throw Error(named(made.status()));
    latest.store(made->selection.backend, std::memory_order_relaxed);
    dtype.store(inputs.q.scalar_type(), std::memory_order_relaxed);
    return std::move(*made);
  }

  Status named(Status status) const {
    if (const std::string who = site.who(); status.what.find(who) == std::string::npos) status.what = who + status.what;
    return status;
  }
};

LocalAttentionImpl::LocalAttentionImpl(LocalAttentionOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
LocalAttentionImpl::~LocalAttentionImpl() = default;

at::Tensor LocalAttentionImpl::forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras) {
  return forward_all(q, k, v, extras).o;
}

AttentionOutputs LocalAttentionImpl::forward_all(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                 const Extras& extras, const CallOptions& call) {
  if (extras.original_seq_len) return forward_unpadded(q, k, v, extras, call);
  state_->calls.fetch_add(1, std::memory_order_relaxed);
  Inputs inputs = state_->inputs_of(q, k, v, extras);
  const ReadyCall ready = state_->ready(inputs, call, is_training());
  return run(state_->site, ready, inputs);
}

AttentionOutputs LocalAttentionImpl::forward_unpadded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                                      const Extras& extras, const CallOptions& call) {
  const int64_t rows = *extras.original_seq_len;
  const int64_t text = call.text_length.value_or(options().text_length);
  if (q.dim() != 4 || k.dim() != 4 || v.dim() != 4 || q.size(1) != k.size(1) || q.size(1) != v.size(1) || rows < 0 ||
      rows > q.size(1) || text != 0)
    throw Error(state_->named(
        Status::error(Code::invalid_argument, "original_seq_len is for self-attention without text rows",
                      std::to_string(rows) + " of q, text_length " + std::to_string(text), "0 to the number of rows")));
  Extras rest{extras.tensors, std::nullopt};
  AttentionOutputs outputs = forward_all(q.narrow(1, 0, rows), k.narrow(1, 0, rows), v.narrow(1, 0, rows), rest, call);
  const int64_t padding = q.size(1) - rows;
  outputs.o = at::constant_pad_nd(outputs.o, {0, 0, 0, 0, 0, padding}, 0);
  if (const auto lse = outputs.named.find("lse"); lse != outputs.named.end())
    lse->second = at::constant_pad_nd(lse->second, {0, padding}, -std::numeric_limits<double>::infinity());
  return outputs;
}

std::optional<CallDescription> LocalAttentionImpl::describe_call(const at::Tensor& q, const at::Tensor& k,
                                                                 const at::Tensor& v, const Extras& extras,
                                                                 const CallOptions& call, bool with_tiles) {
  const at::NoGradGuard no_grad;
  Inputs inputs = state_->inputs_of(q, k, v, extras);
  const ReadyCall ready = state_->ready(inputs, call, false);
  if (!ready.selection.backend->has_describe()) return std::nullopt;
  auto description = run_describe(*ready.prepared, ready.around, inputs, with_tiles);
  if (!description) throw Error(state_->named(description.status()));
  description->selection = ready.selection;
  return std::move(*description);
}

Selection LocalAttentionImpl::select(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras,
                                     const CallOptions& call) {
  Inputs inputs = state_->inputs_of(q, k, v, extras);
  return state_->ready(inputs, call, is_training()).selection;
}

const LocalAttentionOptions& LocalAttentionImpl::options() const { return state_->options; }
int64_t LocalAttentionImpl::layer_index() const { return state_->shape.layer_index; }
at::ScalarType LocalAttentionImpl::dtype() const { return state_->dtype.load(std::memory_order_relaxed); }

const AttentionBackend& LocalAttentionImpl::backend() const {
  if (const AttentionBackend* latest = state_->latest.load(std::memory_order_relaxed)) return *latest;
  Problem problem = nominal_problem(state_->options, state_->shape);
  const DlDtype dtype_now = *dl_dtype(dtype());
  problem.dtype_code = dtype_now.code;
  problem.dtype_bits = dtype_now.bits;
  return *state_->site.select(cpu_device(), problem).value().backend;
}

LayerCounters LocalAttentionImpl::counters() const {
  return {state_->calls.load(std::memory_order_relaxed), state_->site.plans(),
          state_->copies.load(std::memory_order_relaxed)};
}

void LocalAttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "fvattn::LocalAttention(num_heads=" << num_heads() << ", head_size=" << head_size()
         << ", num_kv_heads=" << num_kv_heads() << ", softmax_scale=" << softmax_scale()
         << ", causal=" << (options().causal ? "true" : "false") << (options().prefix.empty() ? "" : ", prefix=")
         << options().prefix << ")";
}

}  // namespace fvattn
