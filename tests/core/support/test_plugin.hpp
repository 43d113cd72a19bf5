// Plugins made inside a test: a C table around a C++ object, registered by Registry::add.
//
//   TestPlugin plugin("test.exact", {{.name = "EXACT_ATTN", .score = 0.5}});
//   plugin.add_to(registry);
//
// The tables live as long as the process, as the ABI asks. A process can make kMostPlugins of them: each needs an
// entry function of its own, because the ABI's entry takes no context.
#pragma once

#include <fvattn/plugin.h>
#include <fvattn/registry.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fvattn::test {

/// A backend that computes nothing: what selection and metadata need of one.
struct TestBackend {
  std::string name = {};
  double score = 0.5;
  bool approximate = false;
  int max_head_dim = 256;
  bool cpu_only = false;
  std::vector<std::pair<uint64_t, std::string>> always_refuses = {};  // reason and text
  fvattn_status query_status = FVATTN_OK;                             // another value: asking fails
  std::function<void(const fvattn_problem&, fvattn_support&)> query = {};  // asked last
  std::vector<fvattn_meta_key> meta_keys = {};
  bool has_backward = true;
};

namespace detail {

inline fvattn_str str(const std::string& text) { return {text.data(), text.size()}; }

inline void refuse(fvattn_support* out, uint64_t reason, const std::string& text) {
  out->supported = 0;
  out->reasons |= reason;
  if (out->n_notes >= out->cap_notes) return;
  fvattn_note& note = out->notes[out->n_notes++];
  note.reason = reason;
  std::strncpy(note.text, text.c_str(), sizeof(note.text) - 1);
  note.text[sizeof(note.text) - 1] = '\0';
}

/// One backend with its table; `state` may be changed between calls.
struct Backend {
  TestBackend state;
  std::atomic<int> queries = 0;
  fvattn_backend table{};

  explicit Backend(TestBackend from) : state(std::move(from)) {
    table.size = sizeof(table);
    table.flags = state.approximate ? static_cast<uint32_t>(FVATTN_BACKEND_APPROXIMATE) : 0;
    table.name = str(state.name);
    table.meta_keys = state.meta_keys.data();
    table.n_meta_keys = state.meta_keys.size();
    table.ctx = this;
    table.query = [](void* ctx, const fvattn_device* device, const fvattn_problem* problem, fvattn_support* out,
                     fvattn_error*) {
      auto& self = *static_cast<Backend*>(ctx);
      ++self.queries;
      if (self.state.query_status != FVATTN_OK) return self.state.query_status;
      out->supported = 1;
      out->score = self.state.score;
      if (problem->head_dim > self.state.max_head_dim)
        refuse(out, FVATTN_R_HEAD_DIM,
               "head dim " + std::to_string(problem->head_dim) + " is above " + std::to_string(self.state.max_head_dim));
      if (self.state.cpu_only && device->type != FVATTN_CPU) refuse(out, FVATTN_R_ARCH, "runs on the CPU alone");
      for (const auto& [reason, text] : self.state.always_refuses) refuse(out, reason, text);
      if (self.state.query) self.state.query(*problem, *out);
      return static_cast<fvattn_status>(FVATTN_OK);
    };
    table.create = [](void* ctx, const fvattn_impl_desc*, void** impl, fvattn_error*) {
      *impl = ctx;
      return static_cast<fvattn_status>(FVATTN_OK);
    };
    table.destroy = [](void*) {};
    table.plan = [](void*, const fvattn_problem*, const void*, fvattn_plan*, fvattn_error*) {
      return static_cast<fvattn_status>(FVATTN_OK);
    };
    table.forward = [](void*, const fvattn_call*, fvattn_error*) {
      return static_cast<fvattn_status>(FVATTN_UNIMPLEMENTED);
    };
    if (state.has_backward) table.backward = table.forward;
  }
};

struct Plugin {
  std::string id, version = "1.2.3";
  std::vector<std::unique_ptr<Backend>> backends;
  std::vector<const fvattn_backend*> tables;
  fvattn_plugin table{};
};

inline constexpr size_t kMostPlugins = 128;
inline std::array<Plugin*, kMostPlugins>& slots() {
  static auto* all = new std::array<Plugin*, kMostPlugins>{};
  return *all;
}

template <size_t I>
const fvattn_plugin* entry(const fvattn_host*, fvattn_error*) {
  return &slots()[I]->table;
}
template <size_t... I>
fvattn_plugin_entry_fn entry_at(size_t index, std::index_sequence<I...>) {
  static constexpr fvattn_plugin_entry_fn kEntries[] = {&entry<I>...};
  return kEntries[index];
}

}  // namespace detail

class TestPlugin {
 public:
  TestPlugin(std::string id, std::vector<TestBackend> backends) : slot_(next_slot()) {
    auto* plugin = new detail::Plugin;
    detail::slots()[slot_] = plugin;
    plugin->id = std::move(id);
    for (TestBackend& backend : backends) plugin->backends.push_back(std::make_unique<detail::Backend>(std::move(backend)));
    for (const auto& backend : plugin->backends) plugin->tables.push_back(&backend->table);
    fvattn_plugin& table = plugin->table;
    table.size = sizeof(table);
    table.abi_major = FVATTN_ABI_MAJOR;
    table.abi_minor = FVATTN_ABI_MINOR;
    table.id = detail::str(plugin->id);
    table.version = detail::str(plugin->version);
    table.publisher = detail::str(plugin->id);
    table.build = detail::str(plugin->version);
    table.backends = plugin->tables.data();
    table.n_backends = plugin->tables.size();
  }

  fvattn_plugin_entry_fn entry() const { return detail::entry_at(slot_, std::make_index_sequence<detail::kMostPlugins>()); }
  /// Throws Error when the registry refuses it.
  void add_to(Registry& registry) const {
    if (const Status status = registry.add(entry()); !status.ok()) throw Error(status);
  }
  /// What the backend answers from now on.
  TestBackend& backend(size_t index = 0) const { return detail::slots()[slot_]->backends.at(index)->state; }
  int queries(size_t index = 0) const { return detail::slots()[slot_]->backends.at(index)->queries; }

 private:
  static size_t next_slot() {
    static std::atomic<size_t> next = 0;
    const size_t slot = next++;
    if (slot >= detail::kMostPlugins) throw std::runtime_error("raise kMostPlugins of test_plugin.hpp");
    return slot;
  }
  size_t slot_;
};

}  // namespace fvattn::test
