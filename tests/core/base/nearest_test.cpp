#include <fvattn/nearest.hpp>

#include <doctest/doctest.h>

using fvattn::nearest_name;

namespace {
const std::vector<std::string> kNames = {"FLASH_ATTN", "TORCH_SDPA", "VMOBA_ATTN", "SAGE_ATTN"};
}

TEST_CASE("typos find what was meant") {
  CHECK(nearest_name("TORCH_SPDA", kNames) == "TORCH_SDPA");   // letters swapped
  CHECK(nearest_name("TORCHSDPA", kNames) == "TORCH_SDPA");    // left out
  CHECK(nearest_name("FLASHH_ATTN", kNames) == "FLASH_ATTN");  // doubled
  CHECK(nearest_name("flash_attn", kNames) == "FLASH_ATTN");   // case
  CHECK(nearest_name(" TORCH_SDPA", kNames) == "TORCH_SDPA");  // not trimmed, but found
  CHECK(nearest_name("VMOBA_ATTM", kNames) == "VMOBA_ATTN");
}

TEST_CASE("what is far is not near") {
  CHECK(nearest_name("XFORMERS", kNames).empty());
  CHECK(nearest_name("", kNames).empty());
  CHECK(nearest_name("ab", {"xy"}).empty());
  CHECK(nearest_name("TORCH_SDPA", {}).empty());
}

TEST_CASE("a swap of neighbours costs one edit, not two") {
  // "abcd" is two edits from "abdc" without transpositions, as far as from "abxy": the swap must win.
  CHECK(nearest_name("abdc", {"abxy", "abcd"}) == "abcd");
}

TEST_CASE("the first of equally near names is taken") { CHECK(nearest_name("cat", {"bat", "rat"}) == "bat"); }

TEST_CASE("very long untrusted text is answered at once") {
  CHECK(nearest_name(std::string(1 << 20, 'A'), kNames).empty());
  CHECK(nearest_name("A", {std::string(1 << 20, 'A')}).empty());
}
