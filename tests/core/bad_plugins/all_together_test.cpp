// All bad plugins in one folder: the good ones neither fail nor take the blame.
#include "bad_case.hpp"

#include <set>

using namespace fvattn;
using namespace fvattn::test;

TEST_CASE("a folder full of bad plugins hides no good one, and each has a reason of its own") {
  Zoo zoo;
  const std::vector<std::string> names = {"major_symbol",       "major_table",     "missing_symbol",  "unresolved_symbol",
                                          "throws_in_entry",    "plugin_size_lie", "refuses",         "empty_slot",
                                          "critical_extension", "fast_math",       "backend_size_lie"};
  for (const std::string& name : names) {
    std::string id = "test.bad", number = std::to_string(&name - names.data());
    zoo.add(name, name, manifest_text(id + number, "BAD_" + number));
  }
  zoo.folder.write("libfvattn_text.so", "text");
  zoo.folder.write("future.fvattn.toml", "manifest_version = 7\n");
  zoo.add_good("zz_good");
  zoo.add("aa_embedded", "embedded", {});

  std::set<std::string> reasons;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string name = "BAD_" + std::to_string(i);
    CAPTURE(names[i]);
    CHECK_FALSE(zoo.registry().find(name).ok());
    const PluginInfo info = zoo.info_of(zoo.folder.path("libfvattn_" + names[i] + ".so"));
    CHECK((info.state == PluginState::refused));
    CHECK(reasons.insert(info.reason).second);
  }
  for (const char* name : {"GOOD_ATTN", "EMBEDDED_ATTN"}) {
    const auto found = zoo.registry().find(name);
    REQUIRE_MESSAGE(found.ok(), found.status().text());
    check_works(**found);
  }
  const auto offered = zoo.registry().backend_names();
  CHECK(std::count_if(offered.begin(), offered.end(), [](const auto& name) { return name.starts_with("BAD_"); }) == 0);
}
