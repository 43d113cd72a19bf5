#include "call_runner.hpp"

#include "call_frame.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>

namespace fvattn {
namespace {

const std::string kSaved = "saved:";

Status allocate_all(const std::vector<Spec>& specs, c10::Device device, std::vector<at::Tensor>& tensors) {
  for (const Spec& spec : specs) {
    auto tensor = allocate(spec, device);
    if (!tensor) return tensor.status();
    tensors.push_back(std::move(*tensor));
  }
  return {};
}

std::vector<std::string> saved_names(const std::vector<Spec>& specs) {
  std::vector<std::string> names;
  for (const Spec& spec : specs) names.push_back(kSaved + spec.name);
  return names;
}

at::Tensor output_rows(const Inputs& inputs, int64_t rows) {
  return at::empty({inputs.q.size(0), rows, inputs.q.size(2), inputs.v.size(3)}, inputs.q.options());
}

// The same tensor with another number of rows.
at::Tensor staged_like(const at::Tensor& raster, int64_t rows) {
  std::vector<int64_t> sizes = raster.sizes().vec();
  sizes[1] = rows;
  return at::empty(sizes, raster.options());
}

// Tensors sharded as q is (sequence and heads) go through the stages with it; all others stay as they are.
bool is_staged(const AttentionBackend& backend, const std::string& name) {
  const auto& keys = backend.tensor_keys();
  return std::any_of(keys.begin(), keys.end(),
                     [&](const TensorKey& key) { return key.name == name && key.shard == FVATTN_SHARD_SEQ_HEADS; });
}

Status preprocess(CallFrame& frame, const Prepared& prepared, const Inputs& raster, fvattn_buf workspace, Inputs& staged) {
  const AttentionPlan& plan = prepared.plan;
  staged.q = staged_like(raster.q, plan.staged_q_len);
  staged.k = staged_like(raster.k, plan.staged_kv_len);
  staged.v = staged_like(raster.v, plan.staged_kv_len);
  ArgList in, out;
  for (const auto& [name, tensor] : std::initializer_list<std::pair<const char*, const at::Tensor*>>{
           {"q", &raster.q}, {"k", &raster.k}, {"v", &raster.v}})
    in.add(name, *tensor);
  for (const auto& [name, tensor] : std::initializer_list<std::pair<const char*, const at::Tensor*>>{
           {"q", &staged.q}, {"k", &staged.k}, {"v", &staged.v}})
    out.add(name, *tensor);
  for (const NamedTensor& extra : raster.extras) {
    const bool through = is_staged(prepared.backend, extra.name) && extra.tensor.dim() >= 2;
    const int64_t rows = through && extra.tensor.size(1) == raster.q.size(1) ? plan.staged_q_len : plan.staged_kv_len;
    staged.extras.push_back({extra.name, through ? staged_like(extra.tensor, rows) : extra.tensor});
  }
  for (size_t i = 0; i < raster.extras.size(); ++i) {
    if (staged.extras[i].tensor.is_same(raster.extras[i].tensor)) continue;
    in.add(raster.extras[i].name, raster.extras[i].tensor);
    out.add(staged.extras[i].name, staged.extras[i].tensor);
  }
  return frame.run(&AttentionImpl::preprocess_qkv, in, out, workspace);
}

}  // namespace

Result<ForwardResult> run_forward(const Prepared& prepared, const Surroundings& around, const Inputs& inputs) {
  const at::NoGradGuard no_grad;
  const c10::OptionalDeviceGuard guard(inputs.q.is_cuda() ? std::optional(inputs.q.device()) : std::nullopt);
  const AttentionPlan& plan = prepared.plan;
  const bool pre = (plan.flags & FVATTN_PLAN_HAS_PRE) != 0, post = (plan.flags & FVATTN_PLAN_HAS_POST) != 0;
  CallFrame frame(prepared, around, inputs.q);
  const WorkspaceBuffer stage_workspace(pre || post ? plan.ws_stage : 0, plan.ws_align, frame.device());

  Inputs staged;
  if (pre)
    if (Status status = preprocess(frame, prepared, inputs, stage_workspace.c(), staged); !status.ok()) return status;
  const Inputs& used = pre ? staged : inputs;

  ForwardResult result;
  result.o = output_rows(inputs, post ? plan.staged_q_len : inputs.q.size(1));
  if ((prepared.problem.flags & FVATTN_PROBLEM_NEED_LSE) != 0)
    result.lse = at::empty({inputs.q.size(0), inputs.q.size(2), inputs.q.size(1)}, inputs.q.options().dtype(at::kFloat));
  if (Status status = allocate_all(plan.outputs, frame.device(), result.outputs); !status.ok()) return status;
  const bool save = (prepared.problem.flags & FVATTN_PROBLEM_NEED_GRAD) != 0 && !plan.saved.empty();
  std::vector<std::string> names;
  if (save) {
    names = saved_names(plan.saved);
    if (Status status = allocate_all(plan.saved, frame.device(), result.saved); !status.ok()) return status;
  }

  ArgList in, out;
  in.add(used);
  out.add("o", result.o);
  if (result.lse.defined()) out.add("lse", result.lse);
  for (size_t i = 0; i < plan.outputs.size(); ++i) out.add(plan.outputs[i].name, result.outputs[i]);
  for (size_t i = 0; i < names.size(); ++i) out.add(names[i], result.saved[i]);
  const WorkspaceBuffer workspace(plan.ws_forward, plan.ws_align, frame.device());
  if (Status status = frame.run(&AttentionImpl::forward, in, out, workspace.c()); !status.ok()) return status;

  if (post) {
    const at::Tensor raster = output_rows(inputs, inputs.q.size(1));
    ArgList stage_in, stage_out;
    stage_in.add("o", result.o);
    stage_out.add("o", raster);
    if (Status status = frame.run(&AttentionImpl::postprocess_output, stage_in, stage_out, stage_workspace.c());
        !status.ok())
      return status;
    result.o = raster;
  }
  return result;
}

Result<std::vector<at::Tensor>> run_backward(const Prepared& prepared, const Surroundings& around, const Inputs& inputs,
                                             const at::Tensor& o, const at::Tensor& d_o,
                                             const std::vector<at::Tensor>& saved, const std::vector<size_t>& wanted) {
  const at::NoGradGuard no_grad;
  const c10::OptionalDeviceGuard guard(inputs.q.is_cuda() ? std::optional(inputs.q.device()) : std::nullopt);
  CallFrame frame(prepared, around, inputs.q);
  uint64_t copies = 0;
  const at::Tensor readable_d_o = readable(d_o, copies);
  const std::vector<std::string> names = saved_names(prepared.plan.saved);

  ArgList in, out;
  in.add(inputs);
  in.add("o", o);
  in.add("d_o", readable_d_o);
  for (size_t i = 0; i < names.size(); ++i) in.add(names[i], saved[i]);
  std::vector<at::Tensor> gradients;
  std::vector<std::string> gradient_names{"d_q", "d_k", "d_v"};
  for (const at::Tensor* tensor : {&inputs.q, &inputs.k, &inputs.v})
    gradients.push_back(at::empty(tensor->sizes(), tensor->options()));
  for (const size_t i : wanted) {
    const NamedTensor& extra = inputs.extras[i];
    gradients.push_back(at::empty(extra.tensor.sizes(), extra.tensor.options()));
    gradient_names.push_back("d_" + extra.name);
  }
  for (size_t i = 0; i < gradients.size(); ++i) out.add(gradient_names[i], gradients[i]);
  const WorkspaceBuffer workspace(prepared.plan.ws_backward, prepared.plan.ws_align, frame.device());
  if (Status status = frame.run(&AttentionImpl::backward, in, out, workspace.c()); !status.ok()) return status;
  return gradients;
}

}  // namespace fvattn
