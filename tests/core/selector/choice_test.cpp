#include "core/support/contains.hpp"
#include "selector/choice.hpp"

using namespace fvattn;

namespace {

Choice parsed(std::string_view text) {
  const auto choice = parse_choice(text, "TEST");
  REQUIRE_MESSAGE(choice.ok(), choice.status().text());
  return *choice;
}

}  // namespace

TEST_CASE("the forms of a request") {
  CHECK(parsed("").kind == Choice::Kind::nothing);
  CHECK(parsed("auto").kind == Choice::Kind::automatic);
  const Choice name = parsed("FLASH_ATTN");
  CHECK(name.kind == Choice::Kind::named);
  CHECK(name.names == std::vector<std::string>{"FLASH_ATTN"});
  CHECK(parsed("org.example/FLASH_ATTN").names == std::vector<std::string>{"org.example/FLASH_ATTN"});
  CHECK(parsed("A,org.x/B,C").names == std::vector<std::string>{"A", "org.x/B", "C"});
  const Choice preferred = parsed("prefer:FLASH_ATTN");
  CHECK(preferred.kind == Choice::Kind::preferred);
  CHECK(preferred.names == std::vector<std::string>{"FLASH_ATTN"});
}

TEST_CASE("names are taken as they are: not trimmed, not folded") {
  CHECK(parsed(" FLASH_ATTN").names.front() == " FLASH_ATTN");
  CHECK(parsed("flash_attn").names.front() == "flash_attn");
  CHECK(parsed("AUTO").kind == Choice::Kind::named);
}

TEST_CASE("what is not of the grammar is refused with who said it, what, and the grammar") {
  for (const char* text : {",", "A,", ",A", "A,,B", "prefer:", "prefer:A,B", "A,auto", "auto,A", "A,prefer:B",
                           "prefer:prefer:A", "prefer:auto", "avoid:A"}) {
    CAPTURE(text);
    const auto choice = parse_choice(text, "SOMEBODY");
    REQUIRE_FALSE(choice.ok());
    CHECK(choice.status().code == Code::invalid_argument);
    CHECK_CONTAINS(choice.status().text(), "SOMEBODY");
    CHECK_CONTAINS(choice.status().text(), "'" + std::string(text) + "'");
    CHECK_CONTAINS(choice.status().text(), kChoiceGrammar);
  }
}
