// A folder of plugin files for one test, and a registry that sees it.
#pragma once

#include "core/support/contains.hpp"
#include "core/support/temporary_folder.hpp"

#include <fvattn/registry.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fvattn::test {

inline std::string manifest_text(const std::string& id, const std::string& backend, const std::string& more = {}) {
  return "manifest_version = 1\n[plugin]\nid = \"" + id + "\"\nversion = \"1.0\"\n" + more + "[[backend]]\nname = \"" +
         backend + "\"\n";
}

class Zoo {
 public:
  /// `built` of tests/core/bad_plugins as libfvattn_<name>.so; with a manifest unless the text is empty.
  std::string add(const std::string& name, const std::string& built, const std::string& manifest) {
    const std::string library = folder.path("libfvattn_" + name + ".so");
    std::filesystem::create_directories(std::filesystem::path(library).parent_path());
    std::filesystem::copy_file(built_path(built), library, std::filesystem::copy_options::overwrite_existing);
    if (!manifest.empty()) folder.write(name + ".fvattn.toml", manifest);
    return library;
  }
  std::string add_good(const std::string& name = "good") {
    return add(name, "good", manifest_text("test.good", "GOOD_ATTN"));
  }
  static std::string built_path(const std::string& built) { return std::string(BAD_PLUGINS_FOLDER) + "/" + built + ".so"; }

  Registry& registry() {
    if (registry_ == nullptr) registry_ = std::make_unique<Registry>(environment());
    return *registry_;
  }
  std::shared_ptr<const Environment> environment() const {
    auto all = values;
    all.emplace(env::kPluginPath, folder.path());
    return std::make_shared<const Environment>(Environment::from(all));
  }

  PluginInfo info_of(const std::string& path) {
    for (const PluginInfo& info : registry().plugins())
      if (info.path == path) return info;
    FAIL("no plugin " << path);
    return {};
  }
  std::vector<TraceEntry> refusals_of(const std::string& path) {
    std::vector<TraceEntry> refusals;
    for (const TraceEntry& entry : registry().trace())
      if (entry.path == path && entry.verdict == TraceEntry::Verdict::refused) refusals.push_back(entry);
    return refusals;
  }

  TemporaryFolder folder;
  std::map<std::string, std::string> values;  // before registry() is called

 private:
  std::unique_ptr<Registry> registry_;
};

/// Makes an impl of `backend` and lets it copy numbers: the plugin is not only listed, it works.
inline void check_works(const AttentionBackend& backend) {
  Problem problem;
  problem.q_len = problem.kv_len = 4;
  const auto support = backend.query(cpu_device(), problem);
  REQUIRE_MESSAGE(support.ok(), support.status().text());
  CHECK(support->supported);
  auto impl = backend.make_impl(cpu_device(), problem, "layer.0", {});
  REQUIRE_MESSAGE(impl.ok(), impl.status().text());
  float from[4] = {1, 2, 3, 4}, to[4] = {};
  int64_t shape[1] = {4}, strides[1] = {1};
  const auto tensor = [&](float* data) {
    return fvattn_tensor{data, FVATTN_CPU, 0, 1, FVATTN_DTYPE_FLOAT, 32, 1, shape, strides, 0};
  };
  const fvattn_arg in{{"v", 1}, 0, 0, tensor(from)}, out{{"o", 1}, 0, 0, tensor(to)};
  fvattn_call call{};
  call.size = sizeof(call);
  call.in = &in;
  call.out = &out;
  call.n_in = call.n_out = 1;
  const Status status = (*impl)->forward(call);
  CHECK_MESSAGE(status.ok(), status.text());
  CHECK(std::equal(from, from + 4, to));
}

}  // namespace fvattn::test
