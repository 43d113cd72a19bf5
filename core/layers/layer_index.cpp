#include "layer_index.hpp"

#include <charconv>

namespace fvattn {

std::optional<int32_t> layer_index_of(std::string_view prefix) {
  constexpr std::string_view kWord = "blocks.";
  for (size_t at = prefix.find(kWord); at != std::string_view::npos; at = prefix.find(kWord, at + 1)) {
    const char* digits = prefix.data() + at + kWord.size();
    int32_t index = -1;
    const auto [end, error] = std::from_chars(digits, prefix.data() + prefix.size(), index);
    if (error == std::errc() && end != digits && index >= 0) return index;
  }
  return std::nullopt;
}

}  // namespace fvattn
