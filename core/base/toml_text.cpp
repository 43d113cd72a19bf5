#include "toml_text.hpp"

#include <algorithm>
#include <string>

namespace fvattn {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool is_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80) == 0; }

size_t first_non_ascii(std::string_view text, size_t from, size_t to) {
  const auto found = std::find_if_not(text.begin() + from, text.begin() + to, is_ascii);
  return found == text.begin() + to ? kNone : static_cast<size_t>(found - text.begin());
}

// In TOML a string follows one of these. The parser does not take another quote for the start of one: it looks for the
// end of the bare value before.
bool starts_string(std::string_view text, size_t at) {
  return at == 0 || std::string_view(" \t\n=[{,.").find(text[at - 1]) != kNone;
}

// The position behind a string that starts at `at`. Up to two quotes may stand before the three that end a long one.
size_t end_of_string(std::string_view text, size_t at, char quote, bool many_lines) {
  const std::string_view end = many_lines ? text.substr(at, 3) : text.substr(at, 1);
  for (at += end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (!many_lines && text[at] == '\n') {
      return at;  // not TOML; the parser says so
    } else if (text.substr(at).starts_with(end)) {
      at += end.size();
      for (int extra = 0; many_lines && extra < 2 && at < text.size() && text[at] == quote; ++extra) ++at;
      return at;
    }
  }
  return text.size();
}

}  // namespace

size_t stray_non_ascii(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    const size_t stray = stray_non_ascii(text.substr(kByteOrderMark.size()));
    return stray == kNone ? kNone : stray + kByteOrderMark.size();
  }
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (!is_ascii(c)) return at;
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      if (!starts_string(text, at)) return first_non_ascii(text, at, text.size());
      const bool many_lines = text.substr(at).starts_with(std::string(3, c));
      const size_t end = end_of_string(text, at, c, many_lines);
      const size_t stray = many_lines ? first_non_ascii(text, at, end) : kNone;
      if (stray != kNone) return stray;
      at = end;
    } else {
      ++at;
    }
  }
  return kNone;
}

}  // namespace fvattn
