#include <fvattn/status.hpp>

namespace fvattn {

const char* to_string(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid argument";
    case Code::resource_exhausted: return "resource exhausted";
    case Code::failed_precondition: return "failed precondition";
    case Code::unimplemented: return "unimplemented";
    case Code::internal: return "internal";
    case Code::unavailable: return "unavailable";
  }
  return "unknown status"; // a plugin may return a number of its own
}

std::string Status::text() const {
  std::string text = what.empty() ? std::string(to_string(code)) : what;
  if (!got.empty()) text += "; got " + got;
  if (!accepted.empty()) text += "; accepted: " + accepted;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

Status Status::error(Code code, std::string what, std::string got, std::string accepted, std::string hint) {
  Status status;
  status.code = code;
  status.what = std::move(what);
  status.got = std::move(got);
  status.accepted = std::move(accepted);
  status.hint = std::move(hint);
  return status;
}

}  // namespace fvattn
