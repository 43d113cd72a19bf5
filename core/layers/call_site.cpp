#include "call_site.hpp"

#include <fvattn/log.hpp>

#include <algorithm>

namespace fvattn {
namespace {

std::string reasons_of(const Support& support) {
  std::string text;
  for (const Note& note : support.notes)
    text += (text.empty() ? "" : "; ") + note.text + (note.reason != 0 ? " [" + reason_names(note.reason) + "]" : "");
  return text.empty() ? reason_names(support.reasons) : text;
}

Status check_step(const AttentionMetadata& metadata, const ForwardContext& surroundings) {
  const int64_t step = metadata.current_timestep();
  if (step == 0 || step == surroundings.step) return {};
  return Status::error(
      Code::failed_precondition,
      metadata.backend().get_name() + ": the metadata was built for another denoising step than the forward context says",
      "current_timestep " + std::to_string(step), "step " + std::to_string(surroundings.step),
      "build the metadata once for each step, or leave current_timestep out");
}

}  // namespace

CallSite::CallSite(Context& context, Request request, Problem nominal, std::string impl_prefix, KeyValues impl_options)
    : context_(context),
      request_(std::move(request)),
      nominal_(std::move(nominal)),
      impl_prefix_(std::move(impl_prefix)),
      impl_options_(std::move(impl_options)) {}

std::string CallSite::who() const { return request_.layer.empty() ? std::string() : "layer " + request_.layer + ": "; }

Result<Selection> CallSite::select(const Device& device, const Problem& problem) {
  return context_.selector().select(request_, device, problem);
}

Result<std::shared_ptr<const AttentionMetadata>> CallSite::metadata_for(const AttentionBackend& backend,
                                                                        const Device& device,
                                                                        const ForwardContext* surroundings, void* stream) {
  if (surroundings != nullptr) {
    const auto own = surroundings->metadata.find(&backend);
    if (own != surroundings->metadata.end()) {
      if (Status status = check_step(*own->second, *surroundings); !status.ok()) return status;
      return own->second;
    }
  }
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const AttentionMetadata>& known = defaults_[{&backend, &device}];
  if (known == nullptr) {
    auto built = backend.make_builder(device)->build({}, stream);
    if (!built) {
      Status status = built.status();
      status.what = who() + "no metadata for " + backend.get_name() +
                    " in the forward context, and its defaults do not do: " + status.what;
      status.hint += (status.hint.empty() ? "" : "; ") + std::string("build it with metadata_builder(\"") +
                     backend.get_name() + "\") and open a ForwardContextScope around the forward pass";
      return status;
    }
    known = std::move(*built);
  }
  return known;
}

Result<std::shared_ptr<ImplHandle>> CallSite::impl_for(const AttentionBackend& backend, const Device& device,
                                                       const Problem& problem) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<ImplHandle>& known = impls_[{&backend, &device}];
  if (known == nullptr) {
    Problem nominal = nominal_;
    nominal.dtype_code = problem.dtype_code;
    nominal.dtype_bits = problem.dtype_bits;
    auto impl = backend.make_impl(device, nominal, impl_prefix_, impl_options_);
    if (!impl) return impl.status();
    known = std::make_shared<ImplHandle>();
    known->impl = std::move(*impl);
  }
  return known;
}

Result<std::shared_ptr<const Prepared>> CallSite::prepare(const AttentionBackend& backend, const Device& device,
                                                          const Problem& problem,
                                                          std::shared_ptr<const AttentionMetadata> metadata) {
  if (auto known = cache_.find(backend, device, problem, metadata.get())) return known;

  // Selection saw neither the metadata nor what comes with it (the mask alias).
  const auto support = backend.query(device, problem, metadata != nullptr ? metadata->values() : KeyValues());
  if (!support) return support.status();
  if (!support->supported)
    return Status::error(Code::unavailable, who() + backend.get_name() + " cannot serve this call: " + reasons_of(*support),
                         problem.text(), {}, "see `fvattn explain`");
  auto impl = impl_for(backend, device, problem);
  if (!impl) return impl.status();
  auto prepared = std::make_shared<Prepared>(backend, device, *impl, problem, std::move(metadata));
  {
    const std::lock_guard lock((*impl)->mutex);
    auto plan = (*impl)->impl->plan(prepared->problem, prepared->planned_with.get());
    if (!plan) return plan.status();
    prepared->plan = std::move(*plan);
  }
  plans_.fetch_add(1, std::memory_order_relaxed);
  cache_.insert(prepared);
  return std::shared_ptr<const Prepared>(std::move(prepared));
}

Status CallSite::note_capture(std::shared_ptr<const Prepared> prepared, std::shared_ptr<const AttentionMetadata> metadata) {
  const std::string name = who() + prepared->backend.get_name();
  if ((prepared->plan.flags & FVATTN_PLAN_GRAPH_SAFE) == 0)
    return Status::error(Code::failed_precondition, name + ": this call cannot be captured in a CUDA graph",
                         prepared->problem.text(), {}, "run it outside of the capture, or choose another backend");
  if ((prepared->plan.flags & FVATTN_PLAN_GRAPH_PER_STEP) != 0)
    log_once(LogLevel::warn, "layer", "graph per step|" + name,
             name + ": a captured graph holds for one denoising step only; capture one graph for each step");
  const std::lock_guard lock(mutex_);
  std::pair entry(std::move(prepared), std::move(metadata));
  if (std::find(captured_.begin(), captured_.end(), entry) == captured_.end()) captured_.push_back(std::move(entry));
  return {};
}

}  // namespace fvattn
