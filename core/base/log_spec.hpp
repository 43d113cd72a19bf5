// The grammar of FASTVIDEO_ATTENTION_LOG, apart from where lines go.
#pragma once

#include <fvattn/log.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace fvattn {

inline constexpr std::array<std::string_view, 7> kLogTopics = {"search", "manifest", "load", "select", "layer", "dist", "plugin"};
inline constexpr int kLogOff = static_cast<int>(LogLevel::error) + 1;

/// The lowest level that is written, for each topic and for everything else.
struct LogLevels {
  std::array<int, kLogTopics.size()> topics;
  int others;

  explicit LogLevels(int level) : others(level) { topics.fill(level); }
  int of(std::string_view topic) const;
};

/// "info,select=debug": nullopt if a level or topic is unknown. Empty means warn for all.
std::optional<LogLevels> parse_log_levels(std::string_view spec);

/// %p becomes the process id, %r the rank that the launcher gave (0 without one), %% a percent sign.
std::string expand_log_file(std::string_view pattern);

}  // namespace fvattn
