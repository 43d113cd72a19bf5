// From a found plugin to usable backends: hash, requires, load, entry, register.
#pragma once

#include "plugin_record.hpp"
#include "trace.hpp"
#include "trust.hpp"

#include <fvattn/environment.hpp>

#include <memory>

namespace fvattn {

/// What activation needs besides the plugin.
struct ActivationContext {
  std::shared_ptr<const Environment> environment;
  TrustPolicy policy;
  const fvattn_host* host;
  Trace& trace;
};

/// Loads the library of a found plugin. On failure the record is refused for good and the trace says at which stage.
Status activate(PluginRecord& record, ActivationContext& context);

/// Calls an entry point and makes backends of its table; the last two stages of activate(), and all there is to do
/// for a plugin that the application brings.
Status register_entry(PluginRecord& record, fvattn_plugin_entry_fn entry, ActivationContext& context);

}  // namespace fvattn
