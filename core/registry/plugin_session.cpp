#include "plugin_session.hpp"

#include <fvattn/log.hpp>

namespace fvattn {

Status PluginSession::quarantine_status(std::string_view who) const {
  const std::lock_guard lock(mutex_);
  Status status = Status::error(Code::failed_precondition,
                                std::string(who) + ": the plugin is not called any more, as the device context was lost",
                                cause_, {}, "start a new process; no other backend takes its place in this one");
  status.flags = FVATTN_ERROR_STICKY | FVATTN_ERROR_OUTPUT_UNTOUCHED;
  return status;
}

void PluginSession::examine(const Status& failure) {
  if ((failure.flags & FVATTN_ERROR_STICKY) == 0) return;
  const std::lock_guard lock(mutex_);
  if (quarantined_.load(std::memory_order_relaxed)) return;
  cause_ = failure.what;
  quarantined_.store(true, std::memory_order_release);
  log(LogLevel::error, "plugin", "plugin " + id + " is quarantined: " + cause_);
}

std::shared_ptr<const Environment> PluginSession::environment() const {
  const std::lock_guard lock(mutex_);
  return environment_;
}

void PluginSession::set_environment(std::shared_ptr<const Environment> environment) {
  const std::lock_guard lock(mutex_);
  environment_ = std::move(environment);
}

}  // namespace fvattn
