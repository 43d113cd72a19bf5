// Selection over plugins on disk: what a manifest says before the library is loaded.
#include "core/bad_plugins/zoo.hpp"

#include <fvattn/context.hpp>
#include <fvattn/selector.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

// All three answer with the same score, on the CPU: test.good/GOOD_ATTN, test.other/OTHER_ATTN, test.rival/GOOD_ATTN.
struct Files : Zoo {
  Request request;
  Problem problem;

  Files() { problem.q_len = problem.kv_len = 16; }
  void add_with(const std::string& built, const std::string& id, const std::string& backend, const std::string& keys = {}) {
    add(built, built, manifest_text(id, backend) + keys);
  }
  void add_all(const std::string& good_keys = {}, const std::string& other_keys = {}, const std::string& rival_keys = {}) {
    add_with("good", "test.good", "GOOD_ATTN", good_keys);
    add_with("other", "test.other", "OTHER_ATTN", other_keys);
    add_with("rival", "test.rival", "GOOD_ATTN", rival_keys);
  }
  Selector& selector() {
    values.emplace(env::kPluginsSelect, "test.*");
    if (selector_ == nullptr) selector_ = std::make_unique<Selector>(environment(), registry());
    return *selector_;
  }
  /// The qualified name chosen, or the error.
  std::string chosen() {
    const auto selection = selector().select(request, cpu_device(), problem);
    return selection ? selection->backend->qualified_name() : "error: " + selection.status().text();
  }
  std::string loaded() {
    std::string ids;
    for (const PluginInfo& plugin : registry().plugins())
      if (plugin.state == PluginState::loaded) ids += plugin.id + " ";
    return ids;
  }

 private:
  std::unique_ptr<Selector> selector_;
};

}  // namespace

TEST_CASE("a named backend loads its plugin and no other") {
  Files files;
  files.add_all();
  files.request.backend = "OTHER_ATTN";
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
  CHECK(files.loaded() == "test.other ");
}

TEST_CASE("automatic choice does not load what a manifest rules out") {
  Files files;
  files.add_all("lacks = [\"causal\"]\n", "", "head_dims = { max = 32 }\n");
  files.problem.flags = FVATTN_PROBLEM_CAUSAL;
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
  CHECK(files.loaded() == "test.other ");
  const Explanation explanation = files.selector().explain(files.request, cpu_device(), files.problem);
  CHECK(files.loaded() == "test.other ");
  bool seen = false;
  for (const CandidateTrace& trace : explanation.candidates)
    if (trace.plugin == "test.good")
      for (const auto& stage : trace.stages)
        seen =
            seen || (stage.name == "manifest" && !stage.passed && stage.detail.find("lacks causal") != std::string::npos);
  CHECK(seen);
}

TEST_CASE("an approximate backend is passed over by its manifest, unloaded") {
  Files files;
  files.add_all("approximate = true\npriority = 9\n");
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
  CHECK(files.loaded().find("test.good") == std::string::npos);
}

TEST_CASE("manifests are hints: who names a backend has it asked itself") {
  Files files;
  files.add_all("lacks = [\"causal\"]\n", "lacks = [\"causal\"]\n", "lacks = [\"causal\"]\n");
  files.problem.flags = FVATTN_PROBLEM_CAUSAL;
  files.request.backend = "OTHER_ATTN";
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
}

TEST_CASE("equal scores go by the manifest's priority, then by plugin id") {
  {
    Files files;
    files.add_all("", "priority = 3\n", "priority = 2\n");
    CHECK(files.chosen() == "test.other/OTHER_ATTN");
  }
  Files files;
  files.add_all();
  CHECK(files.chosen() == "test.good/GOOD_ATTN");
}

TEST_CASE("a bare name goes to the provider with the higher priority; id/NAME reaches the other") {
  Files files;
  files.add_all("", "", "priority = 1\n");
  files.request.backend = "GOOD_ATTN";
  CHECK(files.chosen() == "test.rival/GOOD_ATTN");
  files.request.backend = "test.good/GOOD_ATTN";
  CHECK(files.chosen() == "test.good/GOOD_ATTN");
}

TEST_CASE("an alias stands for its backend and takes no other backend's name") {
  Files files;
  files.add_all("", "aliases = [\"OTHER\", \"GOOD_ATTN\"]\npriority = 9\n");
  files.request.backend = "OTHER";
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
  files.request.backend = "GOOD_ATTN";
  CHECK(files.chosen() == "test.good/GOOD_ATTN");
}

TEST_CASE("a disabled plugin's backend is an error that says so, and explain says what would change it") {
  Files files;
  files.add_all();
  files.values[env::kPluginsDisable] = "test.other";
  files.request.backend = "OTHER_ATTN";
  CHECK_CONTAINS(files.chosen(), "`test.other/OTHER_ATTN` is not supported because:\n    - plugin disabled");
  const Explanation explanation = files.selector().explain(files.request, cpu_device(), files.problem);
  std::string changes;
  for (const std::string& change : explanation.changes) changes += change + "\n";
  CHECK_CONTAINS(changes, "a usable plugin test.other would offer OTHER_ATTN (now disabled");
  CHECK(files.loaded().find("test.other") == std::string::npos);
}

TEST_CASE("an unknown name tells of the files that were refused") {
  Files files;
  files.add_all();
  files.add("broken", "good", "this is not TOML [");
  files.request.backend = "BROKEN_ATTN";
  CHECK_CONTAINS(files.chosen(), "refused: ");
  CHECK_CONTAINS(files.chosen(), "broken");
}

TEST_CASE("a library that turns out bad is passed over by automatic choice and an error for who names it") {
  Files files;
  files.add_with("other", "test.other", "OTHER_ATTN");
  files.add("bad", "missing_symbol", manifest_text("test.bad", "BAD_ATTN") + "priority = 9\n");
  CHECK(files.chosen() == "test.other/OTHER_ATTN");
  files.request.backend = "BAD_ATTN";
  CHECK_CONTAINS(files.chosen(), "`test.bad/BAD_ATTN` is not supported because:");
}

TEST_CASE("a reload searches again: a plugin that was dropped in since is heard") {
  Files files;
  files.add_with("good", "test.good", "GOOD_ATTN");
  const std::map<std::string, std::string> values = {{env::kPluginPath, files.folder.path()},
                                                     {env::kPluginsSelect, "test.*"}};
  Context context(Environment::from(values));
  const auto chosen = [&] {
    const auto selection = context.selector().select(files.request, cpu_device(), files.problem);
    return selection ? selection->backend->qualified_name() : selection.status().text();
  };
  CHECK(chosen() == "test.good/GOOD_ATTN");
  files.request.backend = "OTHER_ATTN";
  CHECK_CONTAINS(chosen(), "nobody registered");
  files.add_with("other", "test.other", "OTHER_ATTN", "priority = 9\n");
  CHECK_CONTAINS(chosen(), "nobody registered");
  context.reload_environment(Environment::from(values));
  CHECK(chosen() == "test.other/OTHER_ATTN");
  files.request.backend.clear();
  CHECK(chosen() == "test.other/OTHER_ATTN");
}
