// Environment, registry and selector that belong together. One default context; make others for tests.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/environment.hpp>
#include <fvattn/registry.hpp>
#include <fvattn/selector.hpp>

#include <memory>

namespace fvattn FVATTN_PUBLIC {

/// Thread-safe.
class Context {
 public:
  explicit Context(Environment environment = Environment::capture(), const fvattn_host* host = nullptr);
  ~Context();

  std::shared_ptr<const Environment> environment() const;
  Registry& registry();
  Selector& selector();
  /// Takes a new snapshot of the process environment (or the one given) and searches again.
  void reload_environment();
  void reload_environment(Environment environment);

  /// The metadata builder of a backend on a device.
  Result<std::unique_ptr<AttentionMetadataBuilder>> metadata_builder(std::string_view backend, const Device& device = cpu_device());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Made on first use, never destroyed.
Context& default_context();

}  // namespace fvattn
