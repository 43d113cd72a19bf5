// The registry over real files: shadowing, filters, rivals, aliases, re-scans, and what its errors say.
#include "core/bad_plugins/zoo.hpp"
#include "core/support/log_capture.hpp"
#include "core/support/test_plugin.hpp"

#include <fvattn/device.hpp>

#include <sys/stat.h>
#include <thread>

using namespace fvattn;
using namespace fvattn::test;

namespace {

PluginInfo info_of_id(const Registry& registry, const std::string& id) {
  for (const PluginInfo& info : registry.plugins())
    if (info.id == id) return info;
  FAIL("no plugin " << id);
  return {};
}

std::shared_ptr<const Environment> environment(std::map<std::string, std::string> values) {
  return std::make_shared<const Environment>(Environment::from(std::move(values)));
}

}  // namespace

TEST_CASE("the library's own folder is found by its address") {
  const auto path = plugin_search_path(Environment::from({}));
  REQUIRE_FALSE(path.empty());
  CHECK(path[0].second == "library");
  CHECK(path[0].first.ends_with("/fvattn/plugins"));
  CHECK(std::filesystem::exists(std::filesystem::path(path[0].first).parent_path().parent_path() / "libfvattn.so"));
}

TEST_CASE("listing loads nothing, finding loads one") {
  Zoo zoo;
  zoo.add_good();
  zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN"));
  Registry& registry = zoo.registry();
  const uint64_t unsearched = registry.generation();
  CHECK(info_of_id(registry, "test.good").state == PluginState::found);
  CHECK(registry.generation() > unsearched);
  CHECK(info_of_id(registry, "test.good").source == "path");
  CHECK(info_of_id(registry, "test.good").backends == std::vector<std::string>{"GOOD_ATTN"});
  const uint64_t searched = registry.generation();
  const auto good = registry.find("GOOD_ATTN");
  REQUIRE_MESSAGE(good.ok(), good.status().text());
  CHECK((*good)->get_name() == "GOOD_ATTN");
  CHECK((*good)->qualified_name() == "test.good/GOOD_ATTN");
  CHECK((*good)->plugin_version() == "1.0");
  CHECK((*good)->plugin_path() == zoo.folder.path("libfvattn_good.so"));
  check_works(**good);
  CHECK(info_of_id(registry, "test.good").state == PluginState::loaded);
  CHECK(info_of_id(registry, "test.other").state == PluginState::found);
  CHECK(registry.generation() == searched);  // loading changed no answer
  CHECK(*registry.find("test.good/GOOD_ATTN") == *good);
}

TEST_CASE("the first folder wins, and the trace tells of the other") {
  Zoo first, second;
  first.add_good();
  const std::string shadowed = second.add_good();
  Registry registry(environment({{env::kPluginPath, first.folder.path() + ":" + second.folder.path()}}));
  REQUIRE(registry.find("GOOD_ATTN").ok());
  CHECK((*registry.find("GOOD_ATTN"))->plugin_path() == first.folder.path("libfvattn_good.so"));
  const auto plugins = registry.plugins();
  const auto other =
      std::find_if(plugins.begin(), plugins.end(), [&](const PluginInfo& info) { return info.path == shadowed; });
  REQUIRE(other != plugins.end());
  CHECK(other->state == PluginState::shadowed);
  CHECK_CONTAINS(other->reason, first.folder.path("libfvattn_good.so"));
  CHECK_CONTAINS(format_trace(registry.trace()), shadowed + ": the id test.good was found earlier");
}

TEST_CASE("a refused plugin shadows nobody") {
  Zoo first, second;
  const std::string spoilt = first.add_good();
  chmod(spoilt.c_str(), 0666);
  second.add_good();
  Registry registry(environment({{env::kPluginPath, first.folder.path() + ":" + second.folder.path()}}));
  const auto good = registry.find("GOOD_ATTN");
  REQUIRE_MESSAGE(good.ok(), good.status().text());
  CHECK((*good)->plugin_path() == second.folder.path("libfvattn_good.so"));
}

TEST_CASE("select and disable") {
  Zoo zoo;
  zoo.add_good();
  zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN"));
  SUBCASE("disable") {
    zoo.values[env::kPluginsDisable] = "test.g*";
    CHECK(info_of_id(zoo.registry(), "test.good").state == PluginState::disabled);
    const auto found = zoo.registry().find("GOOD_ATTN");
    REQUIRE_FALSE(found.ok());
    CHECK_CONTAINS(found.status().text(), "is disabled: FASTVIDEO_ATTENTION_PLUGINS_DISABLE has 'test.g*'");
    CHECK(zoo.registry().find("OTHER_ATTN").ok());
  }
  SUBCASE("select") {
    zoo.values[env::kPluginsSelect] = "test.good";
    CHECK(zoo.registry().find("GOOD_ATTN").ok());
    CHECK_FALSE(zoo.registry().find("OTHER_ATTN").ok());
  }
}

TEST_CASE("two plugins offer one name: priority decides, both can be addressed") {
  Zoo zoo;
  zoo.add_good("a");
  zoo.add("b", "rival", manifest_text("test.rival", "GOOD_ATTN") + "priority = 5\naliases = [\"FINE_ATTN\"]\n");
  LogCapture log("warn");
  CHECK(zoo.registry().providers("GOOD_ATTN") == std::vector<std::string>{"test.rival", "test.good"});
  const auto good = zoo.registry().find("GOOD_ATTN");
  REQUIRE(good.ok());
  CHECK((*good)->qualified_name() == "test.rival/GOOD_ATTN");
  CHECK((*zoo.registry().find("test.good/GOOD_ATTN"))->qualified_name() == "test.good/GOOD_ATTN");
  CHECK((*zoo.registry().find("FINE_ATTN"))->qualified_name() == "test.rival/GOOD_ATTN");
  zoo.registry().find("GOOD_ATTN").ok();
  CHECK(count_of(log.text(), "several plugins offer GOOD_ATTN") == 1);
  CHECK(zoo.registry().backend_names().front() == "GOOD_ATTN");
}

TEST_CASE("a name that nobody offers: every place is listed, and the nearest name") {
  Zoo zoo;
  zoo.add_good();
  zoo.folder.write("libfvattn_text.so", "text");
  const auto found = zoo.registry().find("GOD_ATTN");
  REQUIRE_FALSE(found.ok());
  CHECK(found.status().code == Code::unavailable);
  const std::string text = found.status().text();
  CHECK_CONTAINS(text, "backend GOD_ATTN is not available: no plugin offers it");
  CHECK_CONTAINS(text, "did you mean GOOD_ATTN?");
  CHECK_CONTAINS(text, zoo.folder.path() + ": 2 candidates (path)");
  CHECK_CONTAINS(text, "/usr/lib/fvattn/plugins: not there (system)");
  CHECK_CONTAINS(text, "libfvattn_text.so: not a usable ELF file");
  CHECK_CONTAINS(zoo.registry().find("test.nobody/GOOD_ATTN").status().text(),
                 "no plugin with the id test.nobody offers it");
}

TEST_CASE("exclusive files") {
  Zoo zoo;
  const std::string library = zoo.add_good();
  zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN"));
  zoo.values[env::kPluginFiles] = library + ":" + zoo.folder.path("libfvattn_none.so");
  const auto plugins = zoo.registry().plugins();
  REQUIRE(plugins.size() == 2);
  CHECK(plugins[0].source == "files");
  CHECK(plugins[0].id == "test.good");
  CHECK(plugins[1].state == PluginState::refused);
  CHECK_CONTAINS(plugins[1].reason, "No such file");
  CHECK(zoo.registry().find("GOOD_ATTN").ok());
  CHECK_FALSE(zoo.registry().find("OTHER_ATTN").ok());
}

TEST_CASE("a bare library with a manifest in it, and a plugin in a folder of its own") {
  Zoo zoo;
  zoo.add("embedded", "embedded", {});
  zoo.add("inner/good", "good", {});
  std::filesystem::create_directories(zoo.folder.path("own"));
  std::filesystem::copy_file(Zoo::built_path("other"), zoo.folder.path("own/libfvattn_other.so"));
  zoo.folder.write("own/other.fvattn.toml", manifest_text("test.other", "OTHER_ATTN"));
  CHECK(zoo.registry().find("EMBEDDED_ATTN").ok());
  CHECK(zoo.registry().find("OTHER_ATTN").ok());
}

TEST_CASE("an equal manifest beside the library, with its hash") {
  Zoo zoo;
  const std::string library = zoo.add("embedded", "embedded", {});
  Registry plain(zoo.environment());
  zoo.values[env::kPluginTrust] = "locked";
  zoo.values["XDG_CACHE_HOME"] = zoo.folder.path("cache");
  const auto found = zoo.registry().find("EMBEDDED_ATTN");
  REQUIRE_MESSAGE(found.ok(), found.status().text());
  const std::string hash = (*found)->plugin_sha256();
  REQUIRE(hash.size() == 64);
  // The copy was loaded, from a private folder that is named by the hash.
  const std::string copy = zoo.folder.path("cache/fvattn/plugins/" + hash + "/libfvattn_embedded.so");
  CHECK(read_text(copy) == read_text(library));
  CHECK_CONTAINS(format_trace(zoo.registry().trace()), "loaded the copy " + copy);
  CHECK((std::filesystem::status(std::filesystem::path(copy).parent_path()).permissions() & std::filesystem::perms::all) ==
        std::filesystem::perms::owner_all);
  // A spoilt copy is made anew.
  std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
  zoo.folder.write("cache/fvattn/plugins/" + hash + "/libfvattn_embedded.so.new", "spoilt");
  std::filesystem::rename(copy + ".new", copy);
  Registry again(zoo.environment());
  CHECK(again.find("EMBEDDED_ATTN").ok());
  CHECK(read_text(copy) == read_text(library));

  Zoo hashed;
  hashed.add(
      "embedded", "embedded",
      "manifest_version = 1\n[plugin]\nid = \"test.embedded\"\nversion = \"1.0\"\n[library.sha256]\nlinux_x86_64 = \"" +
          hash + "\"\nlinux_aarch64 = \"" + hash + "\"\n[[backend]]\nname = \"EMBEDDED_ATTN\"\n");
  const auto fits = hashed.registry().find("EMBEDDED_ATTN");
  REQUIRE_MESSAGE(fits.ok(), fits.status().text());
  CHECK((*fits)->plugin_sha256() == hash);
}

TEST_CASE("only what lies beside the library is trusted at level core") {
  Zoo zoo;
  zoo.add_good();
  zoo.values[env::kPluginTrust] = "core";
  CHECK_CONTAINS(zoo.registry().find("GOOD_ATTN").status().text(),
                 "only the plugins beside libfvattn.so are trusted; got source path");
}

TEST_CASE("searching again") {
  Zoo zoo;
  zoo.add_good();
  Registry& registry = zoo.registry();
  const auto good = registry.find("GOOD_ATTN");
  REQUIRE(good.ok());
  SUBCASE("new files are found, what is loaded stays") {
    zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN"));
    CHECK_FALSE(registry.find("OTHER_ATTN").ok());
    const uint64_t before = registry.generation();
    registry.rescan(zoo.environment());
    CHECK(registry.generation() > before);
    CHECK(registry.find("OTHER_ATTN").ok());
    CHECK(*registry.find("GOOD_ATTN") == *good);
  }
  SUBCASE("a loaded plugin whose folder is not searched any more stays") {
    registry.rescan(environment({{env::kPluginFiles, ""}}));
    CHECK(*registry.find("GOOD_ATTN") == *good);
  }
  SUBCASE("a loaded plugin can be disabled and enabled again") {
    zoo.values[env::kPluginsDisable] = "test.good";
    registry.rescan(zoo.environment());
    CHECK_FALSE(registry.find("GOOD_ATTN").ok());
    zoo.values.erase(env::kPluginsDisable);
    registry.rescan(zoo.environment());
    CHECK(*registry.find("GOOD_ATTN") == *good);
  }
  SUBCASE("a changed file is noted and not loaded over the other") {
    std::filesystem::copy_file(Zoo::built_path("other"), zoo.folder.path("new"));
    std::filesystem::rename(zoo.folder.path("new"), zoo.folder.path("libfvattn_good.so"));
    registry.rescan(zoo.environment());
    CHECK(*registry.find("GOOD_ATTN") == *good);
    CHECK_CONTAINS(format_trace(registry.trace()), "the file changed, but the library that was loaded stays in use");
    Registry another(zoo.environment());
    CHECK_CONTAINS(another.find("GOOD_ATTN").status().text(), "another version of the file is loaded in this process");
  }
  SUBCASE("trust is only tightened") {
    zoo.values[env::kPluginTrust] = "any";
    chmod(zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN")).c_str(), 0666);
    registry.rescan(zoo.environment());
    CHECK_CONTAINS(registry.find("OTHER_ATTN").status().text(), "can be written by everybody");
    CHECK_CONTAINS(format_trace(registry.trace()), "user stays in force instead of any");
  }
}

TEST_CASE("a file that changes between search and loading") {
  Zoo zoo;
  zoo.add_good();
  zoo.registry().plugins();
  zoo.add("new", "other", {});
  std::filesystem::rename(zoo.folder.path("libfvattn_new.so"), zoo.folder.path("libfvattn_good.so"));
  CHECK_CONTAINS(zoo.registry().find("GOOD_ATTN").status().text(), "the file changed since it was inspected");
  zoo.registry().rescan(zoo.environment());
  CHECK_CONTAINS(zoo.registry().find("GOOD_ATTN").status().text(), "another id than its manifest; got test.other");
}

TEST_CASE("the application's own plugin comes before all files") {
  Zoo zoo;
  zoo.add_good();
  zoo.add("high", "rival", manifest_text("test.rival", "GOOD_ATTN") + "priority = 100\n");
  Registry& registry = zoo.registry();
  TestPlugin own("test.own", {{.name = "GOOD_ATTN"}}), twin("test.own", {{.name = "TWIN_ATTN"}}),
      same_id("test.good", {{.name = "MINE_ATTN"}});
  own.add_to(registry);
  CHECK((*registry.find("GOOD_ATTN"))->qualified_name() == "test.own/GOOD_ATTN");
  CHECK((*registry.find("GOOD_ATTN"))->plugin_path().empty());
  CHECK(registry.plugins().front().source == "api");
  CHECK_CONTAINS(registry.add(twin.entry()).text(), "has registered a plugin with this id already; got test.own");
  const uint64_t before = registry.generation();
  same_id.add_to(registry);
  CHECK(registry.generation() > before);
  CHECK(zoo.info_of(zoo.folder.path("libfvattn_good.so")).state == PluginState::shadowed);
  CHECK_FALSE(registry.add(nullptr).ok());
  CHECK_FALSE(registry.add([](const fvattn_host*, fvattn_error*) -> const fvattn_plugin* { return nullptr; }).ok());
}

TEST_CASE("eager loading") {
  Zoo zoo;
  zoo.add_good();
  zoo.values[env::kPluginEager] = "1";
  CHECK(info_of_id(zoo.registry(), "test.good").state == PluginState::loaded);
}

TEST_CASE("many threads ask at once") {
  Zoo zoo;
  zoo.add_good();
  zoo.add("other", "other", manifest_text("test.other", "OTHER_ATTN"));
  Registry& registry = zoo.registry();  // made before the threads: the zoo is not thread-safe, the registry is
  std::vector<std::thread> threads;
  std::vector<const AttentionBackend*> found(8);
  for (size_t i = 0; i < found.size(); ++i)
    threads.emplace_back([&, i] {
      registry.plugins();
      const auto backend = registry.find(i % 2 == 0 ? "GOOD_ATTN" : "OTHER_ATTN");
      if (backend) found[i] = *backend;
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < found.size(); ++i) {
    REQUIRE(found[i] != nullptr);
    CHECK(found[i] == found[i % 2]);
  }
}

TEST_CASE("a table of the trace") {
  const std::vector<TraceEntry> trace = {{"/a", "search", TraceEntry::Verdict::ok, "2 candidates", "", ""},
                                         {"/a/x.so", "hash", TraceEntry::Verdict::refused, "wrong", "FVH-5", "install both"},
                                         {"", "search", TraceEntry::Verdict::note, "no file", "", ""}};
  CHECK(format_trace(trace) ==
        "ok      search   /a: 2 candidates\n"
        "refused hash     /a/x.so: wrong [FVH-5]; install both\n"
        "note    search   no file\n");
}

TEST_CASE("refusals are warnings, steps are debugging output") {
  LogCapture log("debug");
  Zoo zoo;
  zoo.add_good();
  zoo.folder.write("libfvattn_text.so", "text");
  zoo.registry().find("GOOD_ATTN").ok();
  CHECK_CONTAINS(log.text(), "[warning] manifest: refused elf ");
  CHECK_CONTAINS(log.text(), "[debug] load: ok      register ");
  CHECK_CONTAINS(log.text(), "[info] load: plugin test.good 1.0 " + zoo.folder.path("libfvattn_good.so"));
}
