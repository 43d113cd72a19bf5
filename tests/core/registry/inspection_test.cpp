// Judging single candidates, with folders that no registry of this machine searches.
#include "core/bad_plugins/zoo.hpp"

#include <registry/inspection.hpp>
#include <registry/libtorch.hpp>
#include <registry/requirements.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Judged {
  Trace trace;
  PluginInfo info;

  explicit Judged(const Candidate& candidate, TrustPolicy policy = {}) {
    info = inspect(candidate, policy, IdFilter(Environment::from({})), trace).info;
  }
};

std::string shared(const std::string& path) {
  return "[library.shared]\nlinux_x86_64 = \"" + path + "\"\nlinux_aarch64 = \"" + path + "\"\n";
}

}  // namespace

TEST_CASE("a manifest in the drop-in folder points elsewhere by an absolute path") {
  Zoo zoo;
  const std::string library = Zoo::built_path("good");
  const std::string sidecar =
      zoo.folder.write("plugins.d/good.toml", manifest_text("test.good", "GOOD_ATTN", shared(library)));
  const std::string folder = zoo.folder.path("plugins.d");
  const Judged there({sidecar, {}, folder, "system", true});
  CHECK_MESSAGE(there.info.state == PluginState::found, there.info.reason);
  CHECK(there.info.path == library);
  CHECK(Judged({sidecar, {}, folder, "path", false}).info.state == PluginState::refused);

  const std::string nameless = zoo.folder.write("plugins.d/none.toml", manifest_text("test.good", "GOOD_ATTN"));
  CHECK_CONTAINS(Judged({nameless, {}, folder, "system", true}).info.reason, "the manifest names no library");
}

TEST_CASE("names of fvattn's own libraries") {
  Zoo zoo;
  zoo.add("torch", "good", manifest_text("test.good", "GOOD_ATTN"));
  const Judged judged({zoo.folder.path("torch.fvattn.toml"), {}, zoo.folder.path(), "path"});
  CHECK(judged.info.state == PluginState::refused);
  CHECK_CONTAINS(judged.info.reason, "torch and torch_ops belong to fvattn's own libraries");
}

TEST_CASE("level core takes what lies beside the library") {
  Zoo zoo;
  zoo.add_good();
  const std::string sidecar = zoo.folder.path("good.fvattn.toml");
  const TrustPolicy core{TrustPolicy::Owner::core, false};
  CHECK(Judged({sidecar, {}, zoo.folder.path(), "library"}, core).info.state == PluginState::found);
  CHECK(Judged({sidecar, {}, zoo.folder.path(), "user"}, core).info.state == PluginState::refused);
}

TEST_CASE("a manifest for another library") {
  Zoo zoo;
  const std::string library =
      zoo.add("good", "good", manifest_text("test.good", "GOOD_ATTN", shared("libfvattn_better.so")));
  const Judged judged(candidate_of_file(library));
  CHECK_CONTAINS(judged.info.reason, "the manifest beside the library is for another one; got libfvattn_better.so");
}

TEST_CASE("what a refused plugin would have offered is known all the same") {
  Zoo zoo;
  zoo.add_good();
  zoo.folder.write("libfvattn_good.so", "text");
  const Judged judged({zoo.folder.path("good.fvattn.toml"), {}, zoo.folder.path(), "path"});
  CHECK(judged.info.state == PluginState::refused);
  CHECK(judged.info.id == "test.good");
  CHECK(judged.info.backends == std::vector<std::string>{"GOOD_ATTN"});
}

TEST_CASE("libraries that nobody declared are noted, and nothing more") {
  Zoo zoo;
  const std::string library = zoo.add_good();
  const Judged judged({zoo.folder.path("good.fvattn.toml"), {}, zoo.folder.path(), "path"});
  CHECK(judged.info.state == PluginState::found);
  ElfFile elf;
  elf.exports = {{"fvattn_plugin_entry_v1", false}, {"stray", false}, {"shared_by_all", true}};
  elf.needed = {"libc.so.6", "libcuda.so.1", "libtorch_cpu.so", "libfoo.so.3"};
  elf.run_path = {"$ORIGIN/x", "/opt/lib"};
  Manifest manifest;
  std::string all;
  for (const std::string& note : audit_elf(elf, manifest)) all += note + "\n";
  CHECK_CONTAINS(all, "FVP-1 it exports 2 symbols besides its entry point, such as stray");
  CHECK_CONTAINS(all, "FVP-1 it has 1 STB_GNU_UNIQUE symbols");
  CHECK_CONTAINS(all, "FVP-12 it needs libtorch_cpu.so");
  CHECK_CONTAINS(all, "FVP-12 it needs libfoo.so.3");
  CHECK_CONTAINS(all, "FVP-12 its run path leaves $ORIGIN: /opt/lib");
  CHECK(count_of(all, "\n") == 5);
  manifest.needs_torch = true;
  CHECK(audit_elf(elf, manifest).size() == 3);
}

TEST_CASE("$ORIGIN is the folder of the library") {
  CHECK(expand_origin("$ORIGIN/../lib", "/a/b/x.so") == "/a/b/../lib");
  CHECK(expand_origin("${ORIGIN}:$ORIGIN", "/a/x.so") == "/a:/a");
  CHECK(expand_origin("/opt", "/a/x.so") == "/opt");
}
