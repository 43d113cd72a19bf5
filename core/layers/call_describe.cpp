#include "call_frame.hpp"
#include "call_runner.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>

namespace fvattn {

Result<CallDescription> run_describe(const Prepared& prepared, const Surroundings& around, const Inputs& inputs,
                                     bool with_tiles) {
  const at::NoGradGuard no_grad;
  const c10::OptionalDeviceGuard guard(inputs.q.is_cuda() ? std::optional(inputs.q.device()) : std::nullopt);
  const Problem& problem = prepared.problem;
  CallFrame frame(prepared, around, inputs.q);
  const WorkspaceBuffer workspace(prepared.plan.ws_forward, prepared.plan.ws_align, frame.device());
  ArgList in;
  in.add(inputs);

  CallDescription description;
  description.dense_pairs = problem.batch * problem.heads * problem.q_len * problem.kv_len;
  ArgList out;
  const at::Tensor counts = at::empty({2}, at::kLong), pairs = at::empty({}, at::kLong);
  if (with_tiles) {
    ArgList first;
    first.add("tile_counts", counts);
    if (Status status = frame.run(&AttentionImpl::describe, in, first, workspace.c()); !status.ok()) return status;
    description.query_tiles = counts.const_data_ptr<int64_t>()[0];
    description.kv_tiles = counts.const_data_ptr<int64_t>()[1];
    if (description.query_tiles < 0 || description.kv_tiles < 0)
      return Status::error(Code::internal, prepared.backend.qualified_name() + ": describe gave a negative number of tiles");
    description.mask_tiles =
        at::empty({problem.batch, problem.heads, description.query_tiles, description.kv_tiles}, at::kByte);
    description.q_tile = at::empty({problem.q_len}, at::kInt);
    description.k_tile = at::empty({problem.kv_len}, at::kInt);
    out.add("mask_tiles", description.mask_tiles);
    out.add("q_tile", description.q_tile);
    out.add("k_tile", description.k_tile);
  }
  out.add("pairs", pairs);
  if (Status status = frame.run(&AttentionImpl::describe, in, out, workspace.c()); !status.ok()) return status;
  description.attended_pairs = *pairs.const_data_ptr<int64_t>();
  return description;
}

}  // namespace fvattn
