// CHECK_CONTAINS(text, part): a failure shows the whole text.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace fvattn::test {

inline size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace fvattn::test

#define CHECK_CONTAINS(text, part)                                                          \
  do {                                                                                      \
    const std::string fvattn_text_ = (text), fvattn_part_ = (part);                         \
    CHECK_MESSAGE(fvattn_text_.find(fvattn_part_) != std::string::npos, "'", fvattn_part_, "' is not in: ", fvattn_text_); \
  } while (false)

#define CHECK_LACKS(text, part)                                                             \
  do {                                                                                      \
    const std::string fvattn_text_ = (text), fvattn_part_ = (part);                         \
    CHECK_MESSAGE(fvattn_text_.find(fvattn_part_) == std::string::npos, "'", fvattn_part_, "' is in: ", fvattn_text_); \
  } while (false)
