#include "identifiers.hpp"

#include <algorithm>

namespace fvattn {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' || c == '-';
}
bool all_words(std::string_view text, size_t most) {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), is_word);
}

}  // namespace

bool is_plugin_id(std::string_view text) { return all_words(text, 128); }

bool is_backend_name(std::string_view text) { return all_words(text, 64) && text != "auto"; }

bool is_library_path(std::string_view text) {
  if (text.empty()) return true;
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return text.back() != '/' && text.find("..") == std::string_view::npos && !std::any_of(text.begin(), text.end(), control);
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace fvattn
