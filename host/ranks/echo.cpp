#include "ranks/echo.hpp"

#include <regex>

namespace fvattn::host {
namespace {

constexpr Code kCodes[] = {Code::invalid_argument, Code::resource_exhausted, Code::failed_precondition,
                           Code::unimplemented,    Code::internal,           Code::unavailable};

std::string mark_of(Code code) { return std::string(" (") + to_string(code) + ")"; }

}  // namespace

std::string abort_reason(const Status& status) { return status.text() + mark_of(status.code); }

Status with_original_code(Status status) {
  if (status.what.find(" aborted: ") == std::string::npos) return status;
  status.code = Code::internal;  // of exceptions in a layer
  for (const Code code : kCodes) {
    const std::string mark = mark_of(code);
    if (!status.what.ends_with(mark)) continue;
    status.what.erase(status.what.size() - mark.size());
    status.code = code;
    break;
  }
  return status;
}

std::optional<int> origin_of(const Status& status) {
  static const std::regex named(R"((?:^|: )rank (\d+) (?:aborted|cannot take part): )");
  std::smatch found;
  if (!std::regex_search(status.what, found, named)) return std::nullopt;
  return std::stoi(found[1]);
}

bool is_common(const Status& status) {
  return status.what.find("ranks disagree on ") != std::string::npos ||
         status.what.find("no transport connects these ranks") != std::string::npos ||
         status.what.find("the transport that was asked for cannot be used") != std::string::npos ||
         status.what.find("ranks came with different operations") != std::string::npos;
}

}  // namespace fvattn::host
