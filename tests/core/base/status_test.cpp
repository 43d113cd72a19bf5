#include <fvattn/status.hpp>

#include <doctest/doctest.h>

#include <memory>

using namespace fvattn;

TEST_CASE("a status says what, got, accepted and what to do, and leaves out what is empty") {
  const Status full = Status::error(Code::invalid_argument, "bad head dim", "7", "multiples of 8", "pad the heads");
  CHECK(full.text() == "bad head dim; got 7; accepted: multiples of 8; pad the heads");
  CHECK(Status::error(Code::internal, "broken").text() == "broken");
  CHECK(Status::error(Code::unavailable, {}).text() == "unavailable");
  CHECK(Status().ok());
  CHECK_FALSE(full.ok());
}

TEST_CASE("codes have names, and numbers that no version knows do not crash") {
  CHECK(std::string(to_string(Code::resource_exhausted)) == "resource exhausted");
  CHECK(std::string(to_string(static_cast<Code>(77))) == "unknown status");
}

TEST_CASE("a result holds a value or a status") {
  Result<int> good(7);
  CHECK(good.ok());
  CHECK(*good == 7);
  CHECK(good.status().ok());
  Result<int> bad(Status::error(Code::unavailable, "nobody"));
  CHECK_FALSE(bad);
  CHECK(bad.status().what == "nobody");
}

TEST_CASE("value() throws what the status says, and moves the value out") {
  CHECK_THROWS_WITH_AS(Result<int>(Status::error(Code::unavailable, "nobody", "x")).value(), "nobody; got x", Error);
  CHECK(*Result<std::unique_ptr<int>>(std::make_unique<int>(3)).value() == 3);
  try {
    Result<int>(Status::error(Code::resource_exhausted, "full")).value();
    FAIL("no exception");
  } catch (const Error& error) {
    CHECK(error.status().code == Code::resource_exhausted);
  }
}

TEST_CASE("a result of a status-like value keeps its alternative") {
  const Result<std::string> text(std::string("fine"));
  CHECK(text.ok());
  CHECK(text->size() == 4);
}
