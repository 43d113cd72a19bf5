#include <fvattn/context.hpp>

#include "catalog.hpp"
#include "refusal.hpp"

#include <fvattn/log.hpp>

#include <mutex>

namespace fvattn {
namespace {

// What is wrong with the settings, once per process for each trouble.
void log_troubles(const Environment& environment) {
  for (const std::string& note : environment.notes()) log_once(LogLevel::warn, "select", "settings|" + note, note);
  for (const UnknownVariable& variable : environment.unknown()) {
    std::string text = variable.name + " is not a variable that fvattn reads";
    if (!variable.nearest.empty()) text += "; did you mean " + variable.nearest + "?";
    log_once(LogLevel::warn, "select", "variable|" + variable.name, text);
  }
}

}  // namespace

struct Context::State {
  mutable std::mutex mutex;  // of environment
  std::shared_ptr<const Environment> environment;
  Registry registry;
  Selector selector;

  State(std::shared_ptr<const Environment> snapshot, const fvattn_host* host)
      : environment(snapshot), registry(snapshot, host), selector(snapshot, registry) {}
};

Context::Context(Environment environment, const fvattn_host* host)
    : state_(std::make_unique<State>(std::make_shared<const Environment>(std::move(environment)), host)) {
  log_troubles(*state_->environment);
}

Context::~Context() = default;

std::shared_ptr<const Environment> Context::environment() const {
  const std::lock_guard lock(state_->mutex);
  return state_->environment;
}

Registry& Context::registry() { return state_->registry; }

Selector& Context::selector() { return state_->selector; }

void Context::reload_environment() { reload_environment(Environment::capture()); }

void Context::reload_environment(Environment environment) {
  const auto snapshot = std::make_shared<const Environment>(std::move(environment));
  log_troubles(*snapshot);
  const std::lock_guard lock(state_->mutex);  // two reloads at once must not leave two snapshots in force
  state_->environment = snapshot;
  state_->registry.rescan(snapshot);
  state_->selector.set_environment(snapshot);
}

Result<std::unique_ptr<AttentionMetadataBuilder>> Context::metadata_builder(std::string_view backend, const Device& device) {
  const Problem nothing_yet;
  const Candidates candidates(state_->registry, device, nothing_yet);
  if (!candidates.catalog().knows(backend)) return unknown_name(backend, "metadata_builder", candidates);
  const Result<const AttentionBackend*> found = state_->registry.find(backend);
  if (!found) return found.status();
  return (*found)->make_builder(device);
}

Context& default_context() {
  static auto* context = new Context;
  return *context;
}

}  // namespace fvattn
