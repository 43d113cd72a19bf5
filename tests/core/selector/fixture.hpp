// A registry and a selector that see the plugins of one test and nothing else.
#pragma once

#include "core/support/contains.hpp"
#include "core/support/test_plugin.hpp"

#include <fvattn/environment.hpp>
#include <fvattn/registry.hpp>
#include <fvattn/selector.hpp>

#include <map>
#include <memory>
#include <string>

namespace fvattn::test {

/// No plugin file is found: the list of files is there and empty.
inline std::map<std::string, std::string> isolated(std::map<std::string, std::string> values = {}) {
  values.emplace(env::kPluginFiles, "");
  return values;
}

inline std::map<std::string, std::string> backend_variable(const std::string& value) {
  return isolated({{env::kBackend, value}});
}

struct SelectorFixture {
  std::shared_ptr<const Environment> environment;
  Registry registry;
  Selector selector;
  Request request;
  Problem problem;

  explicit SelectorFixture(std::map<std::string, std::string> values = isolated())
      : environment(std::make_shared<const Environment>(Environment::from(std::move(values)))),
        registry(environment),
        selector(environment, registry) {
    request.layer = "blocks.0.attn1";
    problem.q_len = problem.kv_len = 64;
  }

  void set_variable(const std::string& value) {
    environment = std::make_shared<const Environment>(Environment::from(backend_variable(value)));
    selector.set_environment(environment);
  }
  /// The name chosen, or "error: " and the text.
  std::string chosen() {
    const auto selection = selector.select(request, cpu_device(), problem);
    return selection ? selection->backend->get_name() : "error: " + selection.status().text();
  }
  SelectionSource source() {
    const auto selection = selector.select(request, cpu_device(), problem);
    REQUIRE_MESSAGE(selection.ok(), selection.status().text());
    return selection->source;
  }
  Status refusal() {
    const auto selection = selector.select(request, cpu_device(), problem);
    REQUIRE_FALSE(selection.ok());
    return selection.status();
  }
};

}  // namespace fvattn::test
