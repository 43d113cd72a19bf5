#include "log_spec.hpp"

#include <cstdlib>
#include <unistd.h>

namespace fvattn {
namespace {

constexpr std::array<std::string_view, 6> kLevelNames = {"trace", "debug", "info", "warn", "error", "off"};

template <class Names>
int index_in(const Names& names, std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<int>(i);
  return -1;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string rank_text() {
  for (const char* name : {"FASTVIDEO_ATTENTION_DIST_RANK", "OMPI_COMM_WORLD_RANK", "RANK", "SLURM_PROCID"})
    if (const char* rank = secure_getenv(name)) return rank;
  return "0";
}

}  // namespace

int LogLevels::of(std::string_view topic) const {
  const int index = index_in(kLogTopics, topic);
  return index < 0 ? others : topics[static_cast<size_t>(index)];
}

std::optional<LogLevels> parse_log_levels(std::string_view spec) {
  LogLevels levels(static_cast<int>(LogLevel::warn));
  if (trimmed(spec).empty()) return levels;
  // Two passes, so that "select=debug,info" means the same as "info,select=debug".
  for (const bool topics : {false, true}) {
    for (std::string_view rest = spec;;) {
      const size_t comma = rest.find(',');
      const std::string_view item = trimmed(rest.substr(0, comma));
      const size_t equals = item.find('=');
      const int level = index_in(kLevelNames, trimmed(equals == std::string_view::npos ? item : item.substr(equals + 1)));
      if (level < 0) return std::nullopt;
      if (equals == std::string_view::npos) {
        if (!topics) levels = LogLevels(level);
      } else {
        const int topic = index_in(kLogTopics, trimmed(item.substr(0, equals)));
        if (topic < 0) return std::nullopt;
        if (topics) levels.topics[static_cast<size_t>(topic)] = level;
      }
      if (comma == std::string_view::npos) break;
      rest = rest.substr(comma + 1);
    }
  }
  return levels;
}

std::string expand_log_file(std::string_view pattern) {
  std::string path;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char next = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (next == 'p') path += std::to_string(getpid());
    else if (next == 'r') path += rank_text();
    else if (next == '%') path += '%';
    else {
      path += pattern[i];
      continue;
    }
    ++i;
  }
  return path;
}

}  // namespace fvattn
