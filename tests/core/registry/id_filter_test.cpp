#include "core/support/contains.hpp"

#include <registry/inspection.hpp>

using namespace fvattn;

namespace {

std::string why_not(std::map<std::string, std::string> values, const std::string& id) {
  return IdFilter(Environment::from(std::move(values))).why_not(id);
}

}  // namespace

TEST_CASE("globs on ids; disabling wins") {
  CHECK(why_not({}, "org.a").empty());
  CHECK(why_not({{env::kPluginsSelect, "org.*"}}, "org.a").empty());
  CHECK_CONTAINS(why_not({{env::kPluginsSelect, "org.*,com.x"}}, "com.y"),
                 "FASTVIDEO_ATTENTION_PLUGINS_SELECT=org.*,com.x leaves it out");
  CHECK(why_not({{env::kPluginsSelect, "org.*,com.?"}}, "com.y").empty());
  CHECK_CONTAINS(why_not({{env::kPluginsDisable, "b,org.a*"}}, "org.abc"),
                 "FASTVIDEO_ATTENTION_PLUGINS_DISABLE has 'org.a*'");
  CHECK_CONTAINS(why_not({{env::kPluginsSelect, "*"}, {env::kPluginsDisable, "*"}}, "org.a"), "DISABLE");
  CHECK(why_not({{env::kPluginsSelect, ""}, {env::kPluginsDisable, ""}}, "org.a").empty());
}
