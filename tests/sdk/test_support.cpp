#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>

using namespace fvattn::plugin;

TEST_CASE("support starts as yes and collects every reason") {
  fvattn_note notes[2];
  fvattn_support out{};
  out.size = sizeof out;
  out.notes = notes;
  out.cap_notes = 2;
  out.reasons = 99; // what came in does not count
  Support support(out);
  CHECK(out.supported == 1);
  CHECK(out.reasons == 0);
  support.require(true, FVATTN_R_ARCH, "%s", "fine").score(0.5).estimate_us(3);
  CHECK_FALSE(support.refused());
  support.require(false, FVATTN_R_ARCH, "sm_%d", 70).require(false, FVATTN_R_DTYPE, "no").refuse(FVATTN_R_VENDOR, "third");
  CHECK(support.refused());
  CHECK(out.supported == 0);
  CHECK(out.reasons == (FVATTN_R_ARCH | FVATTN_R_DTYPE | FVATTN_R_VENDOR)); // complete without room for the third note
  CHECK(out.n_notes == 2);
  CHECK(std::string(notes[0].text) == "sm_70");
  CHECK(notes[1].reason == FVATTN_R_DTYPE);
  CHECK(out.score == 0.5);
}

TEST_CASE("no room for notes at all") {
  fvattn_support out{};
  out.size = sizeof out;
  Support(out).refuse(FVATTN_R_MASK, "nowhere to write");
  CHECK(out.n_notes == 0);
  CHECK(out.reasons == FVATTN_R_MASK);
}

TEST_CASE("long notes end at a character, with a NUL") {
  fvattn_note note;
  fvattn_support out{};
  out.size = sizeof out;
  out.notes = &note;
  out.cap_notes = 1;
  std::string text(246, 'x');
  text += "\xE2\x82\xAC"; // would need 249 bytes
  Support(out).refuse(FVATTN_R_MASK, "%s", text.c_str());
  CHECK(std::string(note.text) == std::string(246, 'x'));
}
