#include "plugin_impl.hpp"

#include "plan_request.hpp"
#include "plugin_call.hpp"
#include "plugin_refusals.hpp"

namespace fvattn {

PluginImpl::PluginImpl(const PluginBackend& backend, std::string prefix)
    : backend_(backend),
      prefix_(std::move(prefix)),
      who_(backend.qualified_name() + (prefix_.empty() ? "" : " (" + prefix_ + ")")) {}

Status PluginImpl::create(const Device& device, const Problem& nominal, const KeyValues& options) {
  const PackedKeyValues packed_options(options);
  const PackedProblem packed(nominal);
  fvattn_impl_desc desc{};
  desc.size = sizeof(desc);
  desc.device = &device.c;
  desc.nominal = &packed.c();
  desc.prefix = {prefix_.data(), prefix_.size()};
  desc.options = packed_options.c();
  void* instance = nullptr;
  const fvattn_backend& table = backend_.table();
  const Status status = call_plugin(backend_.session(), who_, "create", table.create, table.ctx, &desc, &instance);
  if (!status.ok()) return status;
  const auto destroy = table.destroy;
  instance_ = std::shared_ptr<void>(instance, [destroy](void* object) { call_plugin_void("destroy", destroy, object); });
  return {};
}

Result<AttentionPlan> PluginImpl::plan(const Problem& problem, const AttentionMetadata* metadata) {
  if (Status status = require_tensors(backend_, problem); !status.ok()) {
    status.what = who_ + ": " + status.what;
    return status;
  }
  // Metadata of another backend means nothing to this one (FVH-4).
  const bool own = metadata != nullptr && &metadata->backend() == &backend_;
  const PackedProblem packed(problem, own ? metadata->packed() : fvattn_kvs{});
  return request_plan(backend_, who_, instance_, packed.c(), own ? metadata->handle() : nullptr);
}

Status PluginImpl::run(const char* name, Stage stage, const fvattn_call& call) {
  if (stage == nullptr)  // FVH-1
    return Status::error(Code::unimplemented, who_ + ": the backend has no " + name, {}, {}, "use a backend that has it");
  return call_plugin(backend_.session(), who_, name, stage, instance_.get(), &call);
}

Status PluginImpl::preprocess_qkv(const fvattn_call& call) { return run("preprocess", backend_.table().preprocess, call); }
Status PluginImpl::forward(const fvattn_call& call) { return run("forward", backend_.table().forward, call); }
Status PluginImpl::postprocess_output(const fvattn_call& call) {
  return run("postprocess", backend_.table().postprocess, call);
}
Status PluginImpl::backward(const fvattn_call& call) { return run("backward", backend_.table().backward, call); }
Status PluginImpl::describe(const fvattn_call& call) { return run("describe", backend_.table().describe, call); }

}  // namespace fvattn
