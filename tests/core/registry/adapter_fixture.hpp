// A plugin whose every slot is a std::function, and the backend that the registry makes of it.
//
//   Fake fake;                          // all slots answer OK
//   fake.on_plan = [](fvattn_plan& plan) { ... };
//   const AttentionBackend& backend = fake.registered();
#pragma once

#include "core/support/contains.hpp"

#include <fvattn/registry.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fvattn::test {

/// Fills an error as a plugin would.
inline fvattn_status fail(fvattn_error* err, fvattn_status code, const std::string& text, uint32_t flags = 0) {
  err->code = code;
  err->flags = flags;
  err->msg_len = static_cast<uint32_t>(text.copy(err->msg, err->msg_cap));
  return code;
}

inline fvattn_meta_key key(const char* name, int32_t kind, uint32_t flags = 0) {
  fvattn_meta_key made{};
  made.dflt.key = {name, std::char_traits<char>::length(name)};
  made.dflt.kind = 0;
  made.dflt.flags = flags;
  made.kinds = 1u << kind;
  return made;
}

inline fvattn_tensor_key tensor_key(const char* name, uint32_t flags, int32_t ndim, uint32_t dtypes) {
  return {{name, std::char_traits<char>::length(name)}, {nullptr, 0}, flags, 0, ndim, dtypes};
}

/// Must live as long as the backend is used. The library keeps copies of the tables only.
struct Fake {
  std::function<fvattn_status(const fvattn_device&, const fvattn_problem&, fvattn_support&, fvattn_error*)> on_query;
  std::function<fvattn_status(const fvattn_impl_desc&, fvattn_error*)> on_create;
  std::function<fvattn_status(const fvattn_problem&, const void*, fvattn_plan&, fvattn_error*)> on_plan;
  std::function<fvattn_status(const fvattn_call&, fvattn_error*)> on_call;  // every stage
  std::function<fvattn_status(fvattn_kvs, void*, const void**, fvattn_error*)> on_meta_build;
  int created = 0, destroyed = 0, meta_freed = 0;
  std::vector<void*> freed_states;
  std::vector<fvattn_meta_key> meta_keys, option_keys;
  std::vector<fvattn_tensor_key> tensor_keys;
  std::map<std::string, std::string> environment = {{env::kPluginFiles, ""}};
  fvattn_backend table{};
  const fvattn_backend* list[1] = {&table};
  fvattn_plugin plugin{};
  std::unique_ptr<Registry> registry;

  Fake() {
    table.size = sizeof(table);
    table.name = {"FAKE_ATTN", 9};
    table.ctx = this;
    table.query = [](void* ctx, const fvattn_device* device, const fvattn_problem* problem, fvattn_support* out,
                     fvattn_error* err) {
      auto& self = *static_cast<Fake*>(ctx);
      out->supported = 1;
      return self.on_query ? self.on_query(*device, *problem, *out, err) : FVATTN_OK;
    };
    table.create = [](void* ctx, const fvattn_impl_desc* desc, void** impl, fvattn_error* err) {
      auto& self = *static_cast<Fake*>(ctx);
      const fvattn_status status = self.on_create ? self.on_create(*desc, err) : FVATTN_OK;
      if (status == FVATTN_OK) ++self.created, *impl = ctx;
      return status;
    };
    table.destroy = [](void* impl) { ++static_cast<Fake*>(impl)->destroyed; };
    table.plan = [](void* impl, const fvattn_problem* problem, const void* meta, fvattn_plan* plan, fvattn_error* err) {
      auto& self = *static_cast<Fake*>(impl);
      return self.on_plan ? self.on_plan(*problem, meta, *plan, err) : FVATTN_OK;
    };
    table.forward = [](void* impl, const fvattn_call* call, fvattn_error* err) {
      auto& self = *static_cast<Fake*>(impl);
      return self.on_call ? self.on_call(*call, err) : FVATTN_OK;
    };
    table.plan_free = [](void* impl, void* state) { static_cast<Fake*>(impl)->freed_states.push_back(state); };
    plugin.size = sizeof(plugin);
    plugin.abi_major = FVATTN_ABI_MAJOR;
    plugin.id = {"test.fake", 9};
    plugin.version = {"2.0", 3};
    plugin.backends = list;
    plugin.n_backends = 1;
  }
  Fake(const Fake&) = delete;

  /// The backend's metadata slots, for tests of metadata.
  void with_metadata() {
    table.meta_build = [](void* ctx, const fvattn_device*, fvattn_kvs kvs, void* stream, const void** meta,
                          fvattn_error* err) {
      auto& self = *static_cast<Fake*>(ctx);
      *meta = ctx;
      return self.on_meta_build ? self.on_meta_build(kvs, stream, meta, err) : FVATTN_OK;
    };
    table.meta_free = [](const void* meta, void*) { ++static_cast<Fake*>(const_cast<void*>(meta))->meta_freed; };
  }

  Status add() {
    table.meta_keys = meta_keys.data();
    table.n_meta_keys = meta_keys.size();
    table.option_keys = option_keys.data();
    table.n_option_keys = option_keys.size();
    table.tensor_keys = tensor_keys.data();
    table.n_tensor_keys = tensor_keys.size();
    registry = std::make_unique<Registry>(std::make_shared<const Environment>(Environment::from(environment)));
    current() = this;
    return registry->add([](const fvattn_host*, fvattn_error*) -> const fvattn_plugin* { return &current()->plugin; });
  }
  const AttentionBackend& registered() {
    const Status status = add();
    REQUIRE_MESSAGE(status.ok(), status.text());
    const auto found = registry->find("FAKE_ATTN");
    REQUIRE_MESSAGE(found.ok(), found.status().text());
    return **found;
  }
  static Fake*& current() {
    static Fake* fake = nullptr;
    return fake;
  }
};

inline Problem small_problem() {
  Problem problem;
  problem.q_len = problem.kv_len = 16;
  return problem;
}

inline std::unique_ptr<AttentionImpl> make_impl(const AttentionBackend& backend, const KeyValues& options = {}) {
  auto impl = backend.make_impl(cpu_device(), small_problem(), "blocks.3.attn1", options);
  REQUIRE_MESSAGE(impl.ok(), impl.status().text());
  return std::move(*impl);
}

}  // namespace fvattn::test
