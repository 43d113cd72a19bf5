#include "core/support/contains.hpp"

#include <fvattn/environment.hpp>

#include <cstdlib>

using namespace fvattn;

namespace {

// Sets a variable of the process for one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* former = std::getenv(name)) former_ = former;
    had_ = std::getenv(name) != nullptr;
    setenv(name, value, 1);
  }
  ~Variable() { had_ ? setenv(name_, former_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string former_;
  bool had_;
};

}  // namespace

TEST_CASE("a snapshot does not follow the process") {
  const Variable variable(env::kBackend, "TORCH_SDPA");
  const Environment snapshot = Environment::capture();
  setenv(env::kBackend, "FLASH_ATTN", 1);
  CHECK(snapshot.get(env::kBackend) == "TORCH_SDPA");
  CHECK(Environment::capture().get(env::kBackend) == "FLASH_ATTN");
  CHECK(snapshot.source(env::kBackend) == "environment");
  CHECK_FALSE(snapshot.elevated());
}

TEST_CASE("set but empty is not unset") {
  const Environment snapshot = Environment::from({{env::kBackend, ""}});
  REQUIRE(snapshot.find(env::kBackend) != nullptr);
  CHECK(snapshot.find(env::kBackend)->empty());
  CHECK(snapshot.get(env::kBackend, "x").empty());
  CHECK(snapshot.find(env::kLog) == nullptr);
  CHECK(snapshot.get(env::kLog, "x") == "x");
  CHECK(snapshot.source(env::kLog).empty());
}

TEST_CASE("a snapshot made by a program says so") {
  CHECK(Environment::from({{env::kBackend, "auto"}}).source(env::kBackend) == "program");
}

TEST_CASE("only our variables and the few named ones are kept") {
  const Variable foreign("FASTVIDEO_SOMETHING_ELSE", "1"), ours("FASTVIDEO_ATTENTION_WHATEVER", "1"),
      home("HOME", "/home/test");
  const Environment snapshot = Environment::capture();
  CHECK(snapshot.find("FASTVIDEO_SOMETHING_ELSE") == nullptr);
  CHECK(snapshot.find("FASTVIDEO_ATTENTION_WHATEVER") != nullptr);
  CHECK(snapshot.get("HOME") == "/home/test");
}

TEST_CASE("unknown variables are reported with the one that was meant") {
  const Environment snapshot = Environment::from({{"FASTVIDEO_ATTENTION_BACKND", "TORCH_SDPA"},
                                                  {"FASTVIDEO_ATTENTION_QWERTYUIOP", "1"},
                                                  {env::kBackend, "auto"},
                                                  {"HOME", "/"}});
  const auto unknown = snapshot.unknown();
  REQUIRE(unknown.size() == 2);
  CHECK(unknown[0].name == "FASTVIDEO_ATTENTION_BACKND");
  CHECK(unknown[0].nearest == env::kBackend);
  CHECK(unknown[1].nearest.empty());
}

TEST_CASE("every variable is documented and has our prefix") {
  CHECK(known_environment_variables().size() >= 11);
  for (const EnvironmentVariable& variable : known_environment_variables()) {
    CHECK(std::string(variable.name).starts_with(env::kPrefix));
    CHECK(std::string(variable.doc).size() > 10);
    CHECK_FALSE(std::string(variable.values).empty());
  }
}

TEST_CASE("home is expanded by the snapshot's HOME") {
  const Environment snapshot = Environment::from({{"HOME", "/home/me"}});
  CHECK(expand_home("~/plugins", snapshot) == "/home/me/plugins");
  CHECK(expand_home("~", snapshot) == "/home/me");
  CHECK(expand_home("~other/x", snapshot) == "~other/x");
  CHECK(expand_home("/a/~/b", snapshot) == "/a/~/b");
  CHECK(expand_home("~/x", Environment::from({})) == "~/x");
}
