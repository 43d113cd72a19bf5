// What the backends of one loaded plugin share: who they are, the environment, and whether the plugin is quarantined.
#pragma once

#include <fvattn/environment.hpp>
#include <fvattn/status.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace fvattn {

/// Thread-safe. Lives as long as the process.
class PluginSession {
 public:
  std::string id, version, path, sha256;  // fixed before anybody else sees the object

  /// After an error flagged STICKY the device context is lost: no function of the plugin is called again.
  bool quarantined() const { return quarantined_.load(std::memory_order_acquire); }
  /// FAILED_PRECONDITION with the error that caused it.
  Status quarantine_status(std::string_view who) const;
  /// Looks at a failure on its way to the caller.
  void examine(const Status& failure);

  std::shared_ptr<const Environment> environment() const;
  void set_environment(std::shared_ptr<const Environment> environment);

 private:
  std::atomic<bool> quarantined_{false};
  mutable std::mutex mutex_;
  std::string cause_;
  std::shared_ptr<const Environment> environment_;
};

}  // namespace fvattn
