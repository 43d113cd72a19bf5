// One bad plugin beside a good one: how it must be refused.
#pragma once

#include "zoo.hpp"

#include <string>

namespace fvattn::test {

struct Refused {
  std::string stage, rule, reason;  // `reason` is a part of the text
};

/// `path` offers BAD_ATTN: asking for it fails with the reason, the trace has it, and GOOD_ATTN works all the same.
inline void check_refused(Zoo& zoo, const std::string& path, const Refused& expected) {
  const auto bad = zoo.registry().find("BAD_ATTN");
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.status().code == Code::unavailable);
  CHECK_CONTAINS(bad.status().text(), expected.reason);
  CHECK_CONTAINS(bad.status().text(), path);

  const auto refusals = zoo.refusals_of(path);
  REQUIRE_MESSAGE(refusals.size() == 1, format_trace(zoo.registry().trace()));
  CHECK(refusals[0].stage == expected.stage);
  CHECK(refusals[0].rule == expected.rule);
  CHECK_CONTAINS(refusals[0].reason, expected.reason);
  CHECK(zoo.info_of(path).state == PluginState::refused);
  CHECK_CONTAINS(zoo.info_of(path).reason, expected.reason);

  const auto good = zoo.registry().find("GOOD_ATTN");
  REQUIRE_MESSAGE(good.ok(), good.status().text());
  check_works(**good);
}

inline std::string bad_manifest(const std::string& more = {}) { return manifest_text("test.bad", "BAD_ATTN", more); }

}  // namespace fvattn::test
