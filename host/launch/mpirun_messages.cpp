#include "launch/mpirun_messages.hpp"

#include "launch/rank.hpp"

#include <algorithm>
#include <utility>

namespace fvattn::host {
namespace {

// Open MPI 4's lines with no news in them, by how they begin.
constexpr std::string_view kKnown[] = {
    "Primary job  terminated normally, but", "a non-zero exit code. Per user-direction",
    "mpirun detected that one or more processes", "the job to be terminated. The first process to do so was",
    "exiting improperly. There are three reasons", "1. this process did not call", "the job did. This can cause a job",
    "for all processes to call \"init\"", "then ALL processes must call", "2. this process called", "By rule, all processes",
    "exiting or it will be considered", "3. this process called", "orte_create_session_dirs is set to",
    "detect that the abort call was", "error message you will receive", "This may have caused other processes",
    "terminated by signals sent by mpirun", "You can avoid this message", "node ", "mpirun has exited due to process rank",
    "mpirun noticed that process rank", "  Process name: [", "  Exit code: "};

bool is_rule(const std::string& line) {
  constexpr size_t kLeast = 60;
  return line.size() >= kLeast && std::all_of(line.begin(), line.end(), [](char c) { return c == '-'; });
}

bool begins_as_known(std::string_view line) {
  return line.empty() ||
         std::any_of(std::begin(kKnown), std::end(kKnown), [&](auto known) { return line.starts_with(known); });
}

}  // namespace

void MpirunMessages::add(std::string_view text) {
  partial_ += text;
  for (size_t end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n')) {
    take(partial_.substr(0, end));
    partial_.erase(0, end + 1);
  }
  out_.flush();
}

void MpirunMessages::finish() {
  if (!banner_.empty()) foreign_ = true;
  release();
  out_ << partial_;
  partial_.clear();
  out_.flush();
}

void MpirunMessages::release() {
  if (foreign_)
    for (const std::string& line : banner_) out_ << line << '\n';
  banner_.clear();
  foreign_ = false;
}

void MpirunMessages::take(const std::string& line) {
  if (const auto report = reported_in(line)) {
    if (!failure_) failure_ = report;
    blank_ = false;  // the line end that set the report apart
    return;
  }
  if (std::exchange(blank_, false)) out_ << '\n';
  if (banner_.empty() && !is_rule(line)) {
    if (line.empty()) blank_ = true;
    else out_ << line << '\n';
    return;
  }
  const bool closes = !banner_.empty() && is_rule(line);
  banner_.push_back(line);
  if (closes) release();
  else foreign_ = foreign_ || (!is_rule(line) && !begins_as_known(line));
}

}  // namespace fvattn::host
