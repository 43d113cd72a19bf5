// What mpirun says about the end of a job, between the lines that ranks print.
#pragma once

#include "launch/job.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace fvattn::host {

/// Passes standard error of mpirun on, without its banners about ranks that failed, and without the lines of those who
/// watch the ranks: the first of these is kept.
class MpirunMessages {
 public:
  explicit MpirunMessages(std::ostream& out) : out_(out) {}
  void add(std::string_view text);
  /// Passes on what is left.
  void finish();

  /// Of the rank that failed first; nullopt if none did.
  const std::optional<Outcome>& failure() const { return failure_; }

 private:
  void take(const std::string& line);
  void release();

  std::ostream& out_;
  std::string partial_;
  std::vector<std::string> banner_;  // from a rule of dashes on; empty outside of banners
  bool foreign_ = false;             // something in the banner is no known line
  bool blank_ = false;               // an empty line that may belong to a report
  std::optional<Outcome> failure_;
};

}  // namespace fvattn::host
