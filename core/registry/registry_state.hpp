// The registry's memory and its search. Every member function expects the lock to be held.
#pragma once

#include "activation.hpp"
#include "inspection.hpp"
#include "plugin_record.hpp"
#include "search_path.hpp"
#include "trace.hpp"
#include "trust.hpp"

#include <fvattn/registry.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

struct Registry::State {
  std::mutex mutex;
  std::atomic<uint64_t> generation{1};
  std::shared_ptr<const Environment> environment;
  const fvattn_host* host = nullptr;
  TrustPolicy policy;
  Trace trace;
  SearchPath path;
  bool searched = false;
  size_t search_start = 0;                             // where the trace of the latest search begins
  std::vector<std::shared_ptr<PluginRecord>> records;  // the application's first, then in search order

  ActivationContext activation() { return {environment, policy, host, trace}; }
  /// Searches if nobody has yet.
  void ensure_searched();
  void search();
  Status add(fvattn_plugin_entry_fn entry);

  /// Usable plugins that offer `name` (bare, alias or "id/NAME"), best first.
  std::vector<std::shared_ptr<PluginRecord>> providers(std::string_view name) const;
  Result<const AttentionBackend*> find(std::string_view name);
  std::vector<std::string> backend_names() const;
  /// UNAVAILABLE: why nobody serves `name`, with every place searched and every stage that failed.
  Status nobody_offers(std::string_view name) const;

 private:
  void set_policy();
  std::vector<Candidate> list_candidates();
  void apply_filter_and_shadow(std::vector<std::shared_ptr<PluginRecord>>& found, const IdFilter& filter);
};

}  // namespace fvattn
