// Where is looked for plugins, with every folder of the machine replaced.
#include "core/support/contains.hpp"
#include "core/support/temporary_folder.hpp"

#include <registry/search_path.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

const FixedFolders kFixed = {{"/opt/fvattn/lib/fvattn/plugins"},
                             {"/usr/local/lib/fvattn/plugins", "/usr/lib/fvattn/plugins"},
                             "/etc/fvattn/plugins.d"};

std::string folders(std::map<std::string, std::string> values) {
  std::string text;
  for (const SearchFolder& folder : make_search_path(Environment::from(std::move(values)), kFixed).folders)
    text += folder.source + " " + folder.path + (folder.drop_in ? " *" : "") + "\n";
  return text;
}

const std::string kTail =
    "library /opt/fvattn/lib/fvattn/plugins\n"
    "system /usr/local/lib/fvattn/plugins\n"
    "system /usr/lib/fvattn/plugins\n"
    "system /etc/fvattn/plugins.d *\n";

}  // namespace

TEST_CASE("the order of the folders") {
  CHECK(folders({}) == kTail);
  CHECK(folders({{"HOME", "/home/me"}}) == "user /home/me/.local/share/fvattn/plugins\n" + kTail);
  CHECK(folders({{"HOME", "/home/me"}, {"XDG_DATA_HOME", "/data"}}) == "user /data/fvattn/plugins\n" + kTail);
  CHECK(folders({{"HOME", "/home/me"}, {"XDG_DATA_HOME", "/data"}, {env::kPluginPath, "/b:/a/:~/plugins"}}) ==
        "path /b\npath /a\npath /home/me/plugins\nuser /data/fvattn/plugins\n" + kTail);
}

TEST_CASE("folders of the settings file come after those of the variable") {
  const TemporaryFolder folder;
  const std::string settings = folder.write("settings.toml", "[plugins]\nfolders = [\"/from/settings\"]\n");
  Environment environment = Environment::from({{env::kSettings, settings}, {env::kPluginPath, "/from/path"}});
  environment.load_settings();
  const SearchPath path = make_search_path(environment, kFixed);
  REQUIRE(path.folders.size() >= 2);
  CHECK(path.folders[0].source == "path");
  CHECK(path.folders[1].source == "settings");
  CHECK(path.folders[1].path == "/from/settings");
}

TEST_CASE("the working directory is never searched") {
  const SearchPath path = make_search_path(
      Environment::from({{env::kPluginPath, ":.:plugins:./x:/good:"}, {"XDG_DATA_HOME", "relative"}}), kFixed);
  REQUIRE(path.folders.size() == 5);
  CHECK(path.folders[0].path == "/good");
  REQUIRE(path.complaints.size() == 3);
  CHECK_CONTAINS(path.complaints[0], "'.' of FASTVIDEO_ATTENTION_PLUGIN_PATH is not an absolute path");
}

TEST_CASE("a list of files is exclusive, and an empty one too") {
  const SearchPath path = make_search_path(
      Environment::from({{env::kPluginFiles, "/a/libfvattn_x.so:rel.so"}, {env::kPluginPath, "/b"}}), kFixed);
  CHECK(path.exclusive);
  CHECK(path.folders.empty());
  CHECK(path.files == std::vector<std::string>{"/a/libfvattn_x.so"});
  CHECK(path.complaints.size() == 1);
  const SearchPath none = make_search_path(Environment::from({{env::kPluginFiles, ""}}), kFixed);
  CHECK(none.exclusive);
  CHECK(none.folders.empty());
  CHECK(none.files.empty());
}

TEST_CASE("one folder under two names is searched once") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("real"));
  std::filesystem::create_directory_symlink(folder.path("real"), folder.path("link"));
  const SearchPath path = make_search_path(
      Environment::from({{env::kPluginPath, folder.path("real") + ":" + folder.path("link") + ":" + folder.path("real/")}}),
      {});
  REQUIRE(path.folders.size() == 1);
  CHECK(path.folders[0].path == folder.path("real"));
}
