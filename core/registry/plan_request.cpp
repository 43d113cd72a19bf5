#include "plan_request.hpp"

#include "plugin_call.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace fvattn {
namespace {

constexpr uint32_t kFirstCapacity = 8, kMostSpecs = 1024;
constexpr uint64_t kDefaultAlignment = 256;

Status broken(const std::string& who, const std::string& what, std::string got) {
  return Status::error(Code::internal, who + ": plan " + what + " (FVP-9)", std::move(got));
}

Status copy_specs(const std::vector<fvattn_spec>& from, uint32_t count, const std::string& who, std::vector<Spec>& to) {
  for (uint32_t i = 0; i < count; ++i) {
    const fvattn_spec& c = from[i];
    const bool shaped = c.ndim >= 0 && static_cast<size_t>(c.ndim) <= std::size(c.dim) &&
                        std::all_of(c.dim, c.dim + c.ndim, [](int64_t length) { return length >= 0; });
    if (c.name.p == nullptr || c.name.n == 0 || c.name.n > 256 || !shaped)
      return broken(who, "gave a tensor without a usable name or shape", "entry " + std::to_string(i));
    to.push_back({printable({c.name.p, c.name.n}, c.name.n), c.dtype_code, c.dtype_bits, {c.dim, c.dim + c.ndim}});
  }
  return {};
}

Status check(const fvattn_plan& plan, const fvattn_backend& table, const std::string& who) {
  if ((plan.ws_align & (plan.ws_align - 1)) != 0)
    return broken(who, "asked for an alignment that is no power of two", std::to_string(plan.ws_align));
  if (plan.staged_q_len < 0 || plan.staged_kv_len < 0)
    return broken(who, "gave a negative length", std::to_string(std::min(plan.staged_q_len, plan.staged_kv_len)));
  if (((plan.flags & FVATTN_PLAN_HAS_PRE) != 0 && table.preprocess == nullptr) ||
      ((plan.flags & FVATTN_PLAN_HAS_POST) != 0 && table.postprocess == nullptr))
    return broken(who, "announced a stage that the backend does not have", "flags " + std::to_string(plan.flags));
  return {};
}

}  // namespace

Result<AttentionPlan> request_plan(const PluginBackend& backend, const std::string& who,
                                   const std::shared_ptr<void>& instance, const fvattn_problem& problem, const void* meta) {
  const fvattn_backend& table = backend.table();
  // Frees the plugin's state with the plan, and never after the object that made it.
  const auto keep = [&](void* state) {
    const auto plan_free = state != nullptr ? table.plan_free : nullptr;
    return std::shared_ptr<void>(state, [instance, plan_free](void* held) {
      if (plan_free != nullptr) call_plugin_void("plan_free", plan_free, instance.get(), held);
    });
  };

  std::vector<fvattn_spec> saved(kFirstCapacity), outputs(kFirstCapacity);
  for (;;) {
    fvattn_plan c{};
    c.size = sizeof(c);
    c.saved = saved.data();
    c.cap_saved = static_cast<uint32_t>(saved.size());
    c.outputs = outputs.data();
    c.cap_outputs = static_cast<uint32_t>(outputs.size());
    Status status = call_plugin(backend.session(), who, "plan", table.plan, instance.get(), &problem, meta, &c);
    std::shared_ptr<void> state = keep(c.state);
    if (!status.ok()) return status;
    if (c.n_saved > kMostSpecs || c.n_outputs > kMostSpecs)
      return broken(who, "gave too many tensors", std::to_string(std::max(c.n_saved, c.n_outputs)));
    if (c.n_saved > saved.size() || c.n_outputs > outputs.size()) {
      saved.resize(std::max<size_t>(saved.size(), c.n_saved));
      outputs.resize(std::max<size_t>(outputs.size(), c.n_outputs));
      continue;  // grows each time and is bounded: ends
    }
    if (status = check(c, table, who); !status.ok()) return status;
    AttentionPlan plan;
    plan.flags = c.flags;
    plan.ws_forward = c.ws_forward;
    plan.ws_backward = c.ws_backward;
    plan.ws_stage = c.ws_stage;
    plan.ws_align = c.ws_align != 0 ? c.ws_align : kDefaultAlignment;
    plan.staged_q_len = c.staged_q_len;
    plan.staged_kv_len = c.staged_kv_len;
    if (status = copy_specs(saved, c.n_saved, who, plan.saved); !status.ok()) return status;
    if (status = copy_specs(outputs, c.n_outputs, who, plan.outputs); !status.ok()) return status;
    plan.state = std::move(state);
    return plan;
  }
}

}  // namespace fvattn
