#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>
#include <fvattn/testing/library.hpp>

#include <stdexcept>

using namespace fvattn::plugin;
using fvattn::testing::ErrorBuffer;

TEST_CASE("exceptions become statuses with their text") {
  ErrorBuffer err;
  CHECK(detail::guard(&err.error, [] {}) == FVATTN_OK);
  CHECK(detail::guard(&err.error, [] { fail(FVATTN_INVALID_ARGUMENT, "head_dim %d", 7); }) == FVATTN_INVALID_ARGUMENT);
  CHECK(err.message() == "head_dim 7");
  CHECK(err.error.code == FVATTN_INVALID_ARGUMENT);
  CHECK(detail::guard(&err.error, [] { throw std::bad_alloc(); }) == FVATTN_RESOURCE_EXHAUSTED);
  CHECK(err.error.flags == FVATTN_ERROR_RETRYABLE);
  CHECK(detail::guard(&err.error, [] { throw std::runtime_error("why"); }) == FVATTN_INTERNAL);
  CHECK(err.message() == "why");
  CHECK(err.error.flags == 0);
  CHECK(detail::guard(&err.error, [] { throw 3; }) == FVATTN_INTERNAL);
  CHECK(detail::guard(nullptr, [] { throw 3; }) == FVATTN_INTERNAL);
}

TEST_CASE("native codes and flags travel") {
  ErrorBuffer err;
  const auto body = [] { throw Error(FVATTN_INTERNAL, "lost", FVATTN_ERROR_STICKY, 700, FVATTN_DOMAIN_CUDART); };
  CHECK(detail::guard(&err.error, body) == FVATTN_INTERNAL);
  CHECK(err.error.native_code == 700);
  CHECK(err.error.domain == FVATTN_DOMAIN_CUDART);
  CHECK(err.error.flags == FVATTN_ERROR_STICKY);
}

TEST_CASE("an Error never says OK") { CHECK(Error(FVATTN_OK, "x").status() == FVATTN_INTERNAL); }

TEST_CASE("messages are cut at a UTF-8 boundary and never past the capacity") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"; // 1 + 2 + 3 + 4 + 1 bytes
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (size_t room = 0; room < 13; ++room) {
    std::string memory(room + 1, '#');
    fvattn_error err{};
    err.size = sizeof err;
    err.msg = memory.data();
    err.msg_cap = room;
    detail::write_error(&err, FVATTN_INTERNAL, text.c_str());
    CHECK(err.msg_len == expected[room]);
    CHECK(memory.substr(0, err.msg_len) == text.substr(0, err.msg_len));
    CHECK(memory[room] == '#');
  }
}

TEST_CASE("an error struct without room for text still gets the code") {
  fvattn_error err{};
  err.size = offsetof(fvattn_error, native_code); // an older, shorter struct
  detail::write_error(&err, FVATTN_UNIMPLEMENTED, "text", FVATTN_ERROR_STICKY, 5);
  CHECK(err.code == FVATTN_UNIMPLEMENTED);
  CHECK(err.native_code == 0);
  CHECK(err.flags == 0);
}
