// spdlog behind a plain interface. It never leaks into a header: torch ships an fmt that it cannot be compiled with.
#include <fvattn/log.hpp>

#include "log_spec.hpp"

#include <fvattn/environment.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <mutex>
#include <set>

namespace fvattn {
namespace {

constexpr size_t kOthers = kLogTopics.size();

size_t topic_index(std::string_view topic) {
  for (size_t i = 0; i < kLogTopics.size(); ++i)
    if (kLogTopics[i] == topic) return i;
  return kOthers;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return spdlog::level::trace;
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: break;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> make_logger(const std::string& file) {
  spdlog::sink_ptr sink;
  if (file.empty()) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  else sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  // Own object, not spdlog's global registry, which another library in the process may share.
  auto logger = std::make_shared<spdlog::logger>("fvattn", std::move(sink));
  logger->set_level(spdlog::level::trace);
  logger->set_pattern(file.empty() ? "fvattn [%l] %v" : "%Y-%m-%dT%H:%M:%S.%e %P %t [%l] %v");
  logger->flush_on(spdlog::level::trace);
  logger->set_error_handler([](const std::string&) {}); // a full disk must not stop the computation
  return logger;
}

/// The process's log. Never destroyed: threads and static destructors may still write at exit.
class Log {
 public:
  static Log& get() {
    static Log* log = new Log;
    return *log;
  }

  bool configure(std::string_view spec, std::string_view file) {
    const auto levels = parse_log_levels(spec);
    if (!levels) return false;
    std::shared_ptr<spdlog::logger> logger;
    try {
      logger = make_logger(expand_log_file(file));
    } catch (const std::exception&) {
      return false;
    }
    const std::lock_guard lock(mutex_);
    logger_ = std::move(logger);
    for (size_t i = 0; i < kOthers; ++i) levels_[i] = levels->topics[i];
    levels_[kOthers] = levels->others;
    configured_ = true;
    return true;
  }

  bool enabled(LogLevel level, std::string_view topic) {
    if (!configured_) configure_from_environment();
    return static_cast<int>(level) >= levels_[topic_index(topic)];
  }

  void write(LogLevel level, std::string_view topic, std::string_view message) {
    std::shared_ptr<spdlog::logger> logger;
    {
      const std::lock_guard lock(mutex_);
      logger = logger_;
    }
    logger->log(spdlog_level(level), "{}: {}", topic, message);
  }

  bool first_time(std::string_view key) {
    const std::lock_guard lock(mutex_);
    if (seen_.size() >= kMostKeys) return false;
    return seen_.emplace(key).second;
  }

 private:
  static constexpr size_t kMostKeys = 10000; // a process that makes up keys must not grow without bound

  Log() : logger_(make_logger({})) {
    for (auto& level : levels_) level = static_cast<int>(LogLevel::warn);
  }

  void configure_from_environment() {
    std::call_once(from_environment_, [this] {
      if (configured_) return;
      const Environment environment = Environment::capture();
      const std::string spec = environment.get(env::kLog), file = environment.get(env::kLogFile);
      if (configure(spec, file)) return;
      configured_ = true;
      const bool spec_fine = parse_log_levels(spec).has_value();
      const char* what = spec_fine ? env::kLogFile : env::kLog;
      write(LogLevel::warn, "select",
            std::string(what) + " is not used; got " + (spec_fine ? file : spec) + "; accepted: " +
                (spec_fine ? "a file that can be written" : "LEVEL[,TOPIC=LEVEL...], for example info,select=debug"));
    });
  }

  std::mutex mutex_;
  std::once_flag from_environment_;
  std::shared_ptr<spdlog::logger> logger_;
  std::atomic<int> levels_[kOthers + 1];
  std::atomic<bool> configured_ = false;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace

bool log_enabled(LogLevel level, std::string_view topic) { return Log::get().enabled(level, topic); }

void log(LogLevel level, std::string_view topic, std::string_view message) {
  if (log_enabled(level, topic)) Log::get().write(level, topic, message);
}

void log_once(LogLevel level, std::string_view topic, std::string_view key, std::string_view message) {
  if (log_enabled(level, topic) && Log::get().first_time(key)) Log::get().write(level, topic, message);
}

bool configure_log(std::string_view spec, std::string_view file) { return Log::get().configure(spec, file); }

}  // namespace fvattn
