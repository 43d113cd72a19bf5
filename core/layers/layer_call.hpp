// One call of a layer on tensors that are all in this process: select, prepare, run.
#pragma once

#include "call_runner.hpp"
#include "call_site.hpp"
#include "problem_builder.hpp"

#include <fvattn/torch/extras.hpp>

namespace fvattn {

/// A call that is ready to run.
struct ReadyCall {
  Selection selection;
  std::shared_ptr<const Prepared> prepared;
  Surroundings around;
};

/// Selects a backend for `problem`, takes its metadata from the open ForwardContext, adds the mask alias to `inputs` and
/// `problem`, and gets the plan. The capture and gradient flags of `problem` must be set. Distributed layers come here
/// with the problem of their rank's heads.
Result<ReadyCall> make_ready(CallSite& site, const Device& device, Inputs& inputs, Problem problem, const CallOptions& call);

/// make_ready for what the tensors say by themselves: adds NEED_GRAD and NEED_CAPTURE, and copies inputs that plugins
/// cannot read.
Result<ReadyCall> make_ready(CallSite& site, Inputs& inputs, const LayerShape& shape, const CallOptions& call,
                             int64_t text_length, double dropout_p, uint64_t& copies);

/// Runs it, recorded by autograd where needed. Throws Error.
AttentionOutputs run(CallSite& site, const ReadyCall& ready, const Inputs& inputs);

}  // namespace fvattn
