#include <fvattn/selector.hpp>

#include "changes.hpp"
#include "memo.hpp"
#include "rule.hpp"
#include "scope.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace fvattn {
namespace {

constexpr const char* kTopic = "select";

// A variable and the key `backend` of the settings file mean the same; a message names the one that was written.
std::string origin_of(const Environment& environment) {
  const std::string source = environment.source(env::kBackend);
  return source.starts_with("settings file") ? "backend in " + source : env::kBackend;
}

std::string backend_text(const AttentionBackend& backend) {
  std::string text = backend.qualified_name() + " " + backend.plugin_version();
  if (!backend.plugin_path().empty()) text += " " + backend.plugin_path();
  if (!backend.plugin_sha256().empty()) text += " sha256:" + backend.plugin_sha256().substr(0, 12);
  return text;
}

// The three lines by which a decision can be read in a log, in the form that TransformerEngine's users know.
void log_decision(const Request& request, const Decision& decision) {
  if (!log_enabled(LogLevel::debug, kTopic)) return;
  const std::string layer = layer_prefix(request);
  std::string available;
  for (const CandidateTrace& candidate : decision.candidates) {
    const auto failed =
        std::find_if(candidate.stages.begin(), candidate.stages.end(), [](const auto& stage) { return !stage.passed; });
    if (failed != candidate.stages.end())
      log(LogLevel::debug, kTopic, layer + "Disabling " + candidate.name + " as " + failed->detail);
    else available += (available.empty() ? "" : ", ") + candidate.name;
  }
  log(LogLevel::debug, kTopic, layer + "Available backends = {" + available + "}");
  const std::string selected = decision.selection ? decision.selection->backend->get_name() + " (" +
                                                        to_string(decision.selection->source) + ", " +
                                                        backend_text(*decision.selection->backend) + ")"
                                                  : "none: " + decision.status.what;
  log(LogLevel::debug, kTopic, layer + "Selected backend = " + selected);
}

void announce(const Request& request, const Decision& decision) {
  log_decision(request, decision);
  for (const Remark& remark : decision.remarks) log_once(remark.level, kTopic, remark.key, remark.text);
  if (!decision.selection || !log_enabled(LogLevel::info, kTopic)) return;
  const AttentionBackend& backend = *decision.selection->backend;
  const std::string who = request.layer.empty() ? "a layer" : layer_pattern(request.layer);
  const std::string what = who + " uses " + backend_text(backend) + " (" + to_string(decision.selection->source) + ")";
  log_once(LogLevel::info, kTopic, what, what);
}

}  // namespace

struct Selector::State {
  Registry& registry;
  Memo memo;
  mutable std::mutex mutex;  // of the two below
  std::shared_ptr<const Environment> environment;
  std::atomic<uint64_t> serial = 0;  // numbers the snapshots

  explicit State(Registry& r) : registry(r) {}

  std::pair<std::shared_ptr<const Environment>, uint64_t> snapshot() const {
    const std::lock_guard lock(mutex);
    return {environment, serial.load()};
  }
};

Selector::Selector(std::shared_ptr<const Environment> environment, Registry& registry)
    : state_(std::make_unique<State>(registry)) {
  state_->environment = std::move(environment);
}

Selector::~Selector() = default;

void Selector::set_environment(std::shared_ptr<const Environment> environment) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->environment = std::move(environment);
    ++state_->serial;
  }
  state_->memo.clear();
}

Result<Selection> Selector::select(const Request& request, const Device& device, const Problem& problem) {
  const std::string_view scope = scope_backend();
  MemoKeyView key{request, scope, device, problem, state_->serial.load(), state_->registry.generation()};
  if (const auto known = state_->memo.find(key)) return *known;

  const auto [environment, serial] = state_->snapshot();
  key.environment = serial;
  const std::string wish = environment->get(env::kBackend), origin = origin_of(*environment);
  Candidates candidates(state_->registry, device, problem);
  // A registry that changes during the decision makes the entry stale at once.
  key.generation = candidates.generation();
  const Decision decision = decide({request, scope, wish, origin}, candidates);
  announce(request, decision);
  if (!decision.selection) return decision.status;
  if (decision.remember) state_->memo.insert(key, *decision.selection);
  return *decision.selection;
}

Explanation Selector::explain(const Request& request, const Device& device, const Problem& problem) {
  const std::string scope = current_scope_backend();
  const auto environment = state_->snapshot().first;
  const std::string wish = environment->get(env::kBackend), origin = origin_of(*environment);
  const Inputs inputs{request, scope, wish, origin};
  Candidates candidates(state_->registry, device, problem);
  Decision decision = decide(inputs, candidates);

  Explanation explanation;
  explanation.selection = decision.selection;
  explanation.status = decision.status;
  explanation.request_text = layer_prefix(request) + problem.text() + " on " + device_text(device);
  explanation.changes = what_would_change(inputs, decision, candidates);
  explanation.steps = std::move(decision.steps);
  explanation.candidates = std::move(decision.candidates);
  // Those that the decision had no need to look at.
  for (const Offer& offer : candidates.catalog().offers()) {
    const auto& known = explanation.candidates;
    const auto same = [&](const CandidateTrace& trace) { return trace.plugin == offer.plugin && trace.name == offer.name; };
    if (std::any_of(known.begin(), known.end(), same)) continue;
    const Verdict& verdict = candidates.ask_unless_ruled_out(offer);
    explanation.candidates.push_back({offer.name, offer.plugin, verdict.stages, verdict.support, false});
  }
  return explanation;
}

}  // namespace fvattn
