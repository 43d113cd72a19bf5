// Asking a plugin for a plan, again when its lists did not fit.
#pragma once

#include "plugin_backend.hpp"

#include <fvattn/attention_backend.hpp>

#include <memory>
#include <string>

namespace fvattn {

/// `instance` is what create made; the plan keeps it alive. `who` names backend and layer in messages.
Result<AttentionPlan> request_plan(const PluginBackend& backend, const std::string& who,
                                   const std::shared_ptr<void>& instance, const fvattn_problem& problem, const void* meta);

}  // namespace fvattn
