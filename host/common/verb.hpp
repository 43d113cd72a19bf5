// One verb of the program: its arguments, --json, --help with an example, exit codes, errors.
#pragma once

#include "common/json.hpp"

#include <fvattn/status.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace fvattn::host {

/// Add options to app(), then return run(...) from main.
class Verb {
 public:
  /// `name` is what the user types ("fvattn run"); `example` closes --help, one command a line.
  Verb(std::string name, const std::string& doc, const std::string& example);

  CLI::App& app() { return app_; }
  bool json() const { return json_; }
  /// The verb's one JSON document. A failure returned after it goes to standard error only.
  void print(const Json& document);

  /// Who of several processes reports a failure: `reports` is asked before it is printed, may change it, and gives false
  /// if another one does.
  void report_if(std::function<bool(Status&)> reports) { reports_ = std::move(reports); }

  /// Parses the arguments (argv[0] is skipped), then calls `body`, which writes its result to standard output, as one
  /// JSON document if json(). Prints a failure to standard error (with --json also {"error": ...} to standard output).
  /// Never throws. Returns the exit code of the process; failing to write standard output is a failure.
  int run(int argc, const char* const* argv, const std::function<Status()>& body);

 private:
  Status parse(int argc, const char* const* argv, bool& done);
  Status unknown_arguments() const;

  std::string name_;
  CLI::App app_;
  std::function<bool(Status&)> reports_;
  bool json_ = false, printed_ = false;
};

/// "NAME: error: text" on standard error.
void print_error(const std::string& name, const Status& status);

}  // namespace fvattn::host
