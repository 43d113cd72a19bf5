#include <fvattn/sta/window.hpp>

#include <charconv>

namespace fvattn::sta {

std::string window_key(const Window& w) {
  std::string key("[");
  for (size_t i = 0; i < 3; ++i) key.append(i ? ", " : "").append(std::to_string(w[i]));
  return key.append("]");
}

Window parse_window(std::string_view text) {
  const auto refuse = [&] {
    throw StaError("a window is three integers of at least 1, such as \"3, 1, 10\"; got \"" + std::string(text) + "\"");
  };
  Window window{};
  std::string_view rest = text;
  for (size_t i = 0; i < 3; ++i) {
    const size_t comma = rest.find(',');
    if ((comma == std::string_view::npos) != (i == 2)) refuse();
    std::string_view part = rest.substr(0, comma);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), window[i]);
    if (error != std::errc() || end != part.data() + part.size() || window[i] < 1) refuse();
    rest.remove_prefix(i == 2 ? rest.size() : comma + 1);
  }
  return window;
}

}  // namespace fvattn::sta
