// Who decides: explicit argument > scope > environment > layer default > automatic.
#include "fixture.hpp"

#include <optional>

using namespace fvattn;
using namespace fvattn::test;

namespace {

// One backend for each source to ask for, and a better one that automatic choice takes.
struct Five : SelectorFixture {
  TestPlugin plugin{"test.five",
                    {{.name = "BY_ARGUMENT"},
                     {.name = "BY_SCOPE"},
                     {.name = "BY_VARIABLE"},
                     {.name = "BY_DEFAULT"},
                     {.name = "BEST", .score = 0.9}}};
  Five() { plugin.add_to(registry); }
};

}  // namespace

TEST_CASE("every combination of the sources: the strongest that is there decides") {
  Five five;
  for (int mask = 0; mask < 16; ++mask) {
    CAPTURE(mask);
    const bool argument = (mask & 8) != 0, scope = (mask & 4) != 0, variable = (mask & 2) != 0, layer = (mask & 1) != 0;
    five.request.backend = argument ? "BY_ARGUMENT" : "";
    five.request.layer_default = layer ? "BY_DEFAULT" : "";
    five.set_variable(variable ? "BY_VARIABLE" : "");
    std::optional<ScopedAttnBackend> scoped;
    if (scope) scoped.emplace("BY_SCOPE");
    const char* expected = argument   ? "BY_ARGUMENT"
                           : scope    ? "BY_SCOPE"
                           : variable ? "BY_VARIABLE"
                           : layer    ? "BY_DEFAULT"
                                      : "BEST";
    CHECK(five.chosen() == expected);
    CHECK(five.chosen() == expected);  // from the memo
    const SelectionSource source = argument   ? SelectionSource::explicit_argument
                                   : scope    ? SelectionSource::scope
                                   : variable ? SelectionSource::environment
                                   : layer    ? SelectionSource::layer_default
                                              : SelectionSource::automatic;
    CHECK(five.source() == source);
  }
}

TEST_CASE("auto hides weaker sources down to the layer's default") {
  Five five;
  five.set_variable("BY_VARIABLE");
  five.request.backend = "auto";
  CHECK(five.chosen() == "BEST");
  five.request.layer_default = "BY_DEFAULT";
  CHECK(five.chosen() == "BY_DEFAULT");
  five.request.backend = "";
  {
    const ScopedAttnBackend scope("auto");
    CHECK(five.chosen() == "BY_DEFAULT");
    CHECK(five.source() == SelectionSource::layer_default);
  }
  CHECK(five.chosen() == "BY_VARIABLE");
  five.set_variable("auto");
  five.request.layer_default = "auto";
  CHECK(five.chosen() == "BEST");
}

TEST_CASE("an empty scope asks for nothing: the environment is heard, outer scopes are not") {
  Five five;
  five.set_variable("BY_VARIABLE");
  const ScopedAttnBackend outer("BY_SCOPE");
  CHECK(five.chosen() == "BY_SCOPE");
  const ScopedAttnBackend inner("");
  CHECK(five.chosen() == "BY_VARIABLE");
}

TEST_CASE("a list is an order: the first that can serve, and only those") {
  Five five;
  five.plugin.backend(0).max_head_dim = 32;
  five.set_variable("BY_ARGUMENT,BY_SCOPE,BY_DEFAULT");
  CHECK(five.chosen() == "BY_SCOPE");
  five.plugin.backend(1).max_head_dim = 32;
  five.plugin.backend(3).max_head_dim = 32;
  five.problem.head_dim = five.problem.v_head_dim = 128;
  const Status refusal = five.refusal();
  CHECK(refusal.code == Code::unavailable);
  CHECK(count_of(refusal.text(), "is not supported because:") == 3);
  CHECK_LACKS(refusal.text(), "BEST");
}

TEST_CASE("names can say the plugin") {
  Five five;
  TestPlugin other("test.other", {{.name = "BY_ARGUMENT", .score = 0.1}});
  other.add_to(five.registry);
  five.request.backend = "test.other/BY_ARGUMENT";
  const auto selection = five.selector.select(five.request, cpu_device(), five.problem);
  REQUIRE(selection.ok());
  CHECK(selection->backend->qualified_name() == "test.other/BY_ARGUMENT");
  five.request.backend = "test.nobody/BY_ARGUMENT";
  CHECK(five.refusal().code == Code::invalid_argument);
}

TEST_CASE("a name with two providers is served by the one that can") {
  Five five;
  TestPlugin other("test.other", {{.name = "BY_ARGUMENT"}});
  other.add_to(five.registry);
  five.plugin.backend(0).max_head_dim = 32;
  five.request.backend = "BY_ARGUMENT";
  const auto selection = five.selector.select(five.request, cpu_device(), five.problem);
  REQUIRE(selection.ok());
  CHECK(selection->backend->qualified_name() == "test.other/BY_ARGUMENT");
}

TEST_CASE("names are case-sensitive and not trimmed") {
  Five five;
  for (const char* name : {"best", " BEST", "BEST ", "Best"}) {
    CAPTURE(name);
    five.set_variable(name);
    CHECK_CONTAINS(five.refusal().text(), "did you mean BEST?");
  }
}
