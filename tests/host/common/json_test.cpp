#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "common/json.hpp"

using namespace fvattn;
using namespace fvattn::host;

TEST_CASE("strict parsing") {
  CHECK(parse_json(R"({"a": [1, 2.5, "x", null]})", "t").ok());
  for (const char* bad :
       {"", "{", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"b\":{\"a\":1,\"a\":2}}", "[1] x", "// c\n1", "\"\xff\""}) {
    CAPTURE(bad);
    const auto json = parse_json(bad, "here");
    REQUIRE(!json.ok());
    CHECK(json.status().code == Code::failed_precondition);
    CHECK(json.status().text().starts_with("here"));
  }
  CHECK(parse_json(R"({"b":{"a":1},"c":{"a":2},"a":3})", "t").ok());
}

TEST_CASE("deep nesting is refused, not overflowed") {
  CHECK(parse_json(std::string(50, '[') + std::string(50, ']'), "t").ok());
  CHECK(!parse_json(std::string(100000, '[') + std::string(100000, ']'), "t").ok());
  CHECK(!parse_json(std::string(100000, '['), "t").ok());
}

TEST_CASE("values and errors become JSON") {
  CHECK(to_json(Value(int64_t{3})) == Json(3));
  CHECK(to_json(Value(std::vector<double>{1, 2.5})) == Json({1.0, 2.5}));
  CHECK(to_json(Value(TensorValue::host({2, 1}, std::vector<int32_t>{1, 2}))) ==
        Json{{"dtype", "int32"}, {"shape", {2, 1}}});
  const Json error = to_json(Status::error(Code::unavailable, "w", "g", "a", "h"));
  CHECK(error["what"] == "w");
  CHECK(error["hint"] == "h");
}
