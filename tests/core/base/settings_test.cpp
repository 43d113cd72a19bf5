#include "core/support/contains.hpp"
#include "core/support/temporary_folder.hpp"

#include <fvattn/environment.hpp>

using namespace fvattn;
using fvattn::test::TemporaryFolder;

namespace {

Environment with_settings(const std::string& file, std::map<std::string, std::string> values = {}) {
  values[env::kSettings] = file;
  Environment environment = Environment::from(std::move(values));
  environment.load_settings();
  return environment;
}

std::string notes_of(const Environment& environment) {
  std::string text;
  for (const std::string& note : environment.notes()) text += note + "\n";
  return text;
}

}  // namespace

TEST_CASE("the settings file stands beneath the variables") {
  const TemporaryFolder folder;
  const std::string file = folder.write("s.toml", R"(
backend = "FLASH_ATTN"
[plugins]
folders = ["/opt/plugins", "~/mine"]
disable = "org.bad.*"
[log]
levels = "info"
)");
  const Environment environment = with_settings(file, {{env::kLog, "debug"}, {"HOME", "/home/me"}});
  CHECK(environment.settings_loaded());
  CHECK(environment.settings_path() == file);
  CHECK(notes_of(environment).empty());
  CHECK(environment.get(env::kBackend) == "FLASH_ATTN");
  CHECK(environment.source(env::kBackend) == "settings file " + file);
  CHECK(environment.get(env::kPluginsDisable) == "org.bad.*");
  CHECK(environment.get(env::kLog) == "debug");
  CHECK(environment.source(env::kLog) == "program");
  CHECK(environment.settings_plugin_folders() == std::vector<std::string>{"/opt/plugins", "/home/me/mine"});
}

TEST_CASE("a variable that is set but empty still hides the file's value") {
  const TemporaryFolder folder;
  const std::string file = folder.write("s.toml", "backend = \"FLASH_ATTN\"\n");
  CHECK(with_settings(file, {{env::kBackend, ""}}).get(env::kBackend, "x").empty());
}

TEST_CASE("the default place is XDG_CONFIG_HOME, then ~/.config; no file there is fine") {
  const TemporaryFolder folder;
  folder.write("xdg/fvattn/config.toml", "backend = \"A_ATTN\"\n");
  folder.write("home/.config/fvattn/config.toml", "backend = \"B_ATTN\"\n");
  Environment xdg = Environment::from({{"XDG_CONFIG_HOME", folder.path("xdg")}, {"HOME", folder.path("home")}});
  xdg.load_settings();
  CHECK(xdg.get(env::kBackend) == "A_ATTN");
  Environment home = Environment::from({{"HOME", folder.path("home")}});
  home.load_settings();
  CHECK(home.get(env::kBackend) == "B_ATTN");
  Environment relative = Environment::from({{"XDG_CONFIG_HOME", "not/absolute"}, {"HOME", folder.path("home")}});
  relative.load_settings();
  CHECK(relative.get(env::kBackend) == "B_ATTN");
  Environment none = Environment::from({{"HOME", folder.path("nothing")}});
  none.load_settings();
  CHECK_FALSE(none.settings_loaded());
  CHECK(none.notes().empty());
  Environment nowhere = Environment::from({});
  nowhere.load_settings();
  CHECK(nowhere.settings_path().empty());
}

TEST_CASE("a named file that cannot be used is a note, not a crash") {
  const TemporaryFolder folder;
  CHECK_CONTAINS(notes_of(with_settings(folder.path("absent.toml"))), "does not exist");
  CHECK_CONTAINS(notes_of(with_settings(folder.path())), "is not a file");
  const Environment broken = with_settings(folder.write("broken.toml", "a = 1\nbackend = [\n"));
  CHECK_FALSE(broken.settings_loaded());
  CHECK_CONTAINS(notes_of(broken), "is not TOML");
  CHECK_CONTAINS(notes_of(broken), "broken.toml:");
  const Environment binary = with_settings(folder.write("binary.toml", std::string("\0\xff\xfe\x01", 4)));
  CHECK_FALSE(binary.settings_loaded());
  CHECK(binary.notes().size() == 1);
}

TEST_CASE("unknown keys and wrong types are noted with the nearest name, and the rest is used") {
  const TemporaryFolder folder;
  const Environment environment = with_settings(folder.write("s.toml", R"(
bakend = "FLASH_ATTN"
log = "info"
[plugins]
select = 3
folder = ["/x"]
folders = "/x"
disable = "a"
trust = "any"
[[extra]]
x = 1
)"));
  const std::string notes = notes_of(environment);
  CHECK_CONTAINS(notes, "'bakend' is unknown and has no effect; did you mean 'backend'?");
  CHECK_CONTAINS(notes, "'log' must be a table");
  CHECK_CONTAINS(notes, "'select' must be a string");
  CHECK_CONTAINS(notes, "did you mean 'folders'?");
  CHECK_CONTAINS(notes, "plugins.folders must be a list of folders");
  CHECK_CONTAINS(notes, "plugins.trust");
  CHECK_CONTAINS(notes, "'extra'");
  CHECK(environment.get(env::kPluginsDisable) == "a");
  CHECK(environment.find(env::kPluginTrust) == nullptr);
  CHECK(environment.find(env::kBackend) == nullptr);
}

TEST_CASE("relative plugin folders have no effect: the working directory is never searched") {
  const TemporaryFolder folder;
  const Environment environment = with_settings(folder.write("s.toml", "[plugins]\nfolders = [\"plugins\", 3, \"/ok\"]\n"));
  CHECK(environment.settings_plugin_folders() == std::vector<std::string>{"/ok"});
  CHECK(environment.notes().size() == 2);
}
