// Loads a plugin the way the host does.
#pragma once

#include <fvattn/plugin/tensor.hpp>
#include <fvattn/testing/host.hpp>

#include <dlfcn.h>

#include <stdexcept>

namespace fvattn::testing {

/// An fvattn_error with room for a message.
struct ErrorBuffer {
  explicit ErrorBuffer(size_t room = 1024) : text(room, '\0') {
    error.size = sizeof error;
    error.msg = text.data();
    error.msg_cap = room;
  }
  std::string message() const { return text.substr(0, error.msg_len); }
  std::string text;
  fvattn_error error{};
};

struct Failure : std::runtime_error {
  Failure(fvattn_status status, const std::string& text) : std::runtime_error(text), status(status) {}
  fvattn_status status;
};

/// Throws Failure when call() does not return OK. call takes the fvattn_error*.
template <class Function>
void must(const std::string& what, Function&& call) {
  ErrorBuffer err;
  const fvattn_status status = call(&err.error);
  if (status != FVATTN_OK) throw Failure(status, what + " gave status " + std::to_string(status) + ": " + err.message());
}

class Library {
 public:
  /// Never unloaded, as in the host.
  explicit Library(const std::string& path, const fvattn_host* host = Host::get().c()) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) throw Failure(FVATTN_UNAVAILABLE, dlerror());
    const auto entry = reinterpret_cast<fvattn_plugin_entry_fn>(dlsym(handle, "fvattn_plugin_entry_v1"));
    if (!entry) throw Failure(FVATTN_UNAVAILABLE, path + " exports no fvattn_plugin_entry_v1");
    ErrorBuffer err;
    plugin_ = entry(host, &err.error);
    if (!plugin_) throw Failure(err.error.code, path + " refused to start: " + err.message());
    if (entry(host, &err.error) != plugin_) throw Failure(FVATTN_INTERNAL, "the entry must return the same table each time");
  }

  const fvattn_plugin& plugin() const { return *plugin_; }
  /// By name; throws with the names there are.
  const fvattn_backend& backend(std::string_view name) const {
    std::string names;
    for (size_t i = 0; i < plugin_->n_backends; ++i) {
      if (plugin::view(plugin_->backends[i]->name) == name) return *plugin_->backends[i];
      names += " " + std::string(plugin::view(plugin_->backends[i]->name));
    }
    throw Failure(FVATTN_UNAVAILABLE, "no backend " + std::string(name) + "; the plugin has:" + names);
  }

 private:
  const fvattn_plugin* plugin_ = nullptr;
};

}  // namespace fvattn::testing
