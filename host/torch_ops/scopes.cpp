// What Python opens and closes around calls: backend scopes and forward contexts, one stack a thread.
#include "common/parameters.hpp"

#include <fvattn/context.hpp>
#include <fvattn/forward_context.hpp>
#include <fvattn/selector.hpp>
#include <fvattn/version.hpp>

#include <c10/util/Exception.h>
#include <torch/library.h>

#include <memory>
#include <vector>

namespace fvattn::torch_ops {
namespace {

template <class Scope>
std::vector<std::unique_ptr<Scope>>& stack() {
  static thread_local std::vector<std::unique_ptr<Scope>> scopes;
  return scopes;
}

template <class Scope>
void leave() {
  TORCH_CHECK(!stack<Scope>().empty(), "fvattn: this thread has no open scope to leave; enter and leave in one thread");
  stack<Scope>().pop_back();
}

void enter_backend(std::string name) {
  stack<ScopedAttnBackend>().push_back(std::make_unique<ScopedAttnBackend>(std::move(name)));
}

KeyValues values_of(const host::Json& object) {
  KeyValues values;
  for (const auto& [key, json] : object.items()) values.emplace(key, host::value_from_json(key, json).value());
  return values;
}

ForwardContext context_of(const std::string& text, const std::string& device) {
  const host::Json json = host::parse_json(text, "the forward context").value();
  ForwardContext context;
  context.step = json.value("step", context.step);
  context.total_steps = json.value("total_steps", context.total_steps);
  context.timestep = json.value("timestep", context.timestep);
  context.is_cfg_negative = json.value("is_cfg_negative", context.is_cfg_negative);
  const Device* at = device_by_name(device).value();
  const auto metadata = json.find("metadata");
  if (metadata != json.end())
    for (const auto& [backend, object] : metadata->items()) {
      auto builder = default_context().metadata_builder(backend, *at).value();
      builder->prepare();
      context.add(builder->build(values_of(object)).value());
    }
  return context;
}

void enter_context(std::string text, std::string device) {
  try {
    stack<ForwardContextScope>().push_back(std::make_unique<ForwardContextScope>(context_of(text, device)));
  } catch (const Error& error) {
    TORCH_CHECK_VALUE(error.status().code != Code::invalid_argument, "fvattn: ", error.what());
    TORCH_CHECK(false, "fvattn: ", error.what());
  } catch (const host::Json::exception& error) {
    TORCH_CHECK_VALUE(false, "fvattn: the forward context has a value of the wrong kind: ", error.what());
  }
}

std::vector<std::string> backends() { return default_context().registry().backend_names(); }
void reload_environment() { default_context().reload_environment(); }

}  // namespace
}  // namespace fvattn::torch_ops

TORCH_LIBRARY_FRAGMENT(fvattn, m) {
  m.def("enter_backend(str name) -> ()", fvattn::torch_ops::enter_backend);
  m.def("leave_backend() -> ()", fvattn::torch_ops::leave<fvattn::ScopedAttnBackend>);
  m.def("enter_context(str context, str device) -> ()", fvattn::torch_ops::enter_context);
  m.def("leave_context() -> ()", fvattn::torch_ops::leave<fvattn::ForwardContextScope>);
  m.def("backends() -> str[]", fvattn::torch_ops::backends);
  m.def("reload_environment() -> ()", fvattn::torch_ops::reload_environment);
  m.def("version() -> str", [] { return std::string(fvattn::version()); });
}
