#include "core/support/contains.hpp"

#include <registry/sha256.hpp>

using namespace fvattn;

namespace {

std::string hash(const std::string& text) {
  const MemoryBytes memory(std::as_bytes(std::span(text)));
  const auto hex = sha256_hex(memory);
  REQUIRE(hex.ok());
  return *hex;
}

}  // namespace

// FIPS 180-2, appendix B, and the empty message.
TEST_CASE("the standard's examples") {
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a message longer than one piece of reading") {
  const std::string text(size_t{3} << 20, 'x');
  CHECK(hash(text) != hash(text + "x"));
  CHECK(hash(text) == hash(text));
}
