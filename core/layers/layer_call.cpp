#include "layer_call.hpp"

#include "attention_function.hpp"
#include "device_bridge.hpp"
#include "mask_alias.hpp"
#include "rng.hpp"

#include <c10/util/Exception.h>

namespace fvattn {

Result<ReadyCall> make_ready(CallSite& site, const Device& device, Inputs& inputs, Problem problem,
                             const CallOptions& call) {
  const bool capturing = (problem.flags & FVATTN_PROBLEM_NEED_CAPTURE) != 0;
  auto selection = site.select(device, problem);
  if (!selection) return selection.status();
  const AttentionBackend& backend = *selection->backend;
  ReadyCall ready{*selection, nullptr, {find_forward_context(), nullptr, std::nullopt}};
  auto metadata = site.metadata_for(backend, device, ready.around.context.get(), current_stream(inputs.q.device()));
  if (!metadata) return metadata.status();
  ready.around.metadata = std::move(*metadata);
  const auto aliased = add_mask_alias(ready.around.metadata.get(), inputs);
  if (!aliased) return aliased.status();
  if (*aliased) problem.extra.push_back(spec_of("mask", inputs.extras.back().tensor));
  if ((problem.flags & FVATTN_PROBLEM_NEED_GRAD) != 0)
    if (Status status = check_differentiable(backend, inputs); !status.ok()) return status;
  if (problem.dropout_p > 0) {
    auto rng = make_rng(call.dropout_seed, capturing);
    if (!rng) return rng.status();
    ready.around.rng = *rng;
  }
  auto prepared = site.prepare(backend, device, problem, ready.around.metadata);
  if (!prepared) return prepared.status();
  ready.prepared = std::move(*prepared);
  if (capturing)
    if (Status status = site.note_capture(ready.prepared, ready.around.metadata); !status.ok()) return status;
  return ready;
}

Result<ReadyCall> make_ready(CallSite& site, Inputs& inputs, const LayerShape& shape, const CallOptions& call,
                             int64_t text_length, double dropout_p, uint64_t& copies) {
  const auto device = core_device(inputs.q.device());
  if (!device) return device.status();
  auto problem = make_problem(inputs, shape, call, text_length);
  if (!problem) return problem.status();
  for (at::Tensor* tensor : {&inputs.q, &inputs.k, &inputs.v}) *tensor = readable(*tensor, copies);
  for (NamedTensor& extra : inputs.extras) extra.tensor = readable(extra.tensor, copies);
  problem->dropout_p = dropout_p;
  if (needs_gradient(inputs)) problem->flags |= FVATTN_PROBLEM_NEED_GRAD;
  if (is_capturing(current_stream(inputs.q.device()))) problem->flags |= FVATTN_PROBLEM_NEED_CAPTURE;
  return make_ready(site, **device, inputs, std::move(*problem), call);
}

namespace {

ForwardResult run_recorded_or_not(CallSite& site, const ReadyCall& ready, const Inputs& inputs) {
  if ((ready.prepared->problem.flags & FVATTN_PROBLEM_NEED_GRAD) != 0)
    return differentiable_forward(ready.prepared, ready.around, inputs);
  auto result = run_forward(*ready.prepared, ready.around, inputs);
  if (!result) {
    Status status = result.status();
    status.what = site.who() + status.what;
    throw Error(std::move(status));
  }
  return std::move(*result);
}

}  // namespace

AttentionOutputs run(CallSite& site, const ReadyCall& ready, const Inputs& inputs) {
  const Prepared& prepared = *ready.prepared;
  ForwardResult result;
  try {
    result = run_recorded_or_not(site, ready, inputs);
  } catch (const c10::OutOfMemoryError& error) {
    Status status = Status::error(Code::resource_exhausted,
                                  site.who() + prepared.backend.get_name() + ": " + error.what_without_backtrace());
    status.flags = FVATTN_ERROR_RETRYABLE;
    throw Error(std::move(status));
  }
  AttentionOutputs outputs{std::move(result.o), {}, ready.selection};
  if (result.lse.defined()) outputs.named.emplace("lse", std::move(result.lse));
  for (size_t i = 0; i < result.outputs.size(); ++i)
    outputs.named.emplace(prepared.plan.outputs[i].name, std::move(result.outputs[i]));
  return outputs;
}

}  // namespace fvattn
