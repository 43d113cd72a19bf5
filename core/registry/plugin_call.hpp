// Calls into a plugin: the error buffer, the prefix of messages, exceptions that must not pass, quarantine.
#pragma once

#include "error_buffer.hpp"
#include "plugin_session.hpp"

#include <fvattn/log.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace fvattn {

/// Calls function(args..., err) of a plugin and returns its failure, with `who` before the text. An exception that
/// breaks through a C function breaks rule FVP-2 and is an INTERNAL error; it goes no further.
template <class Function, class... Args>
Status call_plugin(PluginSession& session, std::string_view who, const char* stage, Function function, Args... args) {
  if (session.quarantined()) return session.quarantine_status(who);
  ErrorBuffer error;
  Status failure;
  try {
    const fvattn_status code = function(args..., error.c());
    if (code == FVATTN_OK) return {};
    failure = error.status(code, std::string(who) + ": " + stage);
  } catch (const std::exception& thrown) {
    failure =
        Status::error(Code::internal, std::string(who) + ": " + stage + " let an exception out (FVP-2): " + thrown.what());
  } catch (...) {
    failure = Status::error(Code::internal, std::string(who) + ": " + stage + " let an exception out (FVP-2)");
  }
  session.examine(failure);
  return failure;
}

/// For the plugin's functions that cannot fail: an exception is swallowed and logged.
template <class Function, class... Args>
void call_plugin_void(const char* stage, Function function, Args... args) noexcept {
  try {
    function(args...);
  } catch (...) {
    log(LogLevel::error, "plugin", std::string(stage) + " let an exception out (FVP-2)");
  }
}

}  // namespace fvattn
