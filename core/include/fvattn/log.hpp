// Logging without a formatting library in the interface, so that files that include torch can log as well.
#pragma once

#include <fvattn/export.hpp>

#include <string_view>

namespace fvattn FVATTN_PUBLIC {

enum class LogLevel { trace = 0, debug = 1, info = 2, warn = 3, error = 4 };

/// Writes one line to stderr (or FASTVIDEO_ATTENTION_LOG_FILE) if `topic` is at `level` or below.
/// Topics: search, manifest, load, select, layer, dist, plugin. Levels come from FASTVIDEO_ATTENTION_LOG, for example
/// "info,select=debug" (levels trace, debug, info, warn, error, off); the default is warn for all. The first line
/// written configures the log from those variables unless configure_log() came before. Thread-safe; never throws.
void log(LogLevel level, std::string_view topic, std::string_view message);
bool log_enabled(LogLevel level, std::string_view topic);

/// Logs `message` at most once per process for the same `key`.
void log_once(LogLevel level, std::string_view topic, std::string_view key, std::string_view message);

/// Applies a specification as FASTVIDEO_ATTENTION_LOG has it and a file name as FASTVIDEO_ATTENTION_LOG_FILE has it
/// (empty: standard error). Returns false, and changes nothing, if the specification is malformed or the file cannot
/// be opened. For the whole process.
bool configure_log(std::string_view spec, std::string_view file = {});

}  // namespace fvattn
