#include "common/verb.hpp"

#include "common/exit_code.hpp"
#include "common/terminal.hpp"

#include <fvattn/nearest.hpp>

#include <csignal>
#include <iostream>
#include <new>
#include <unistd.h>

namespace fvattn::host {
namespace {

Status called(const std::function<Status()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    return error.status();
  } catch (const std::bad_alloc&) {
    return Status::error(Code::resource_exhausted, "out of memory", {}, {},
                         "use a smaller input, or fewer heads or frames at a time");
  } catch (const std::exception& error) {
    return Status::error(Code::internal, error.what());
  }
}

}  // namespace

Verb::Verb(std::string name, const std::string& doc, const std::string& example) : name_(std::move(name)), app_(doc, name_) {
  app_.add_flag("--json", json_, "Print one JSON document instead of text");
  app_.footer("Example:\n  " + example + "\n");
  app_.get_formatter()->column_width(34);
  // Unknown arguments are reported here, with the nearest known one.
  app_.allow_extras();
}

Status Verb::unknown_arguments() const {
  const std::vector<std::string> extras = app_.remaining();
  if (extras.empty()) return {};
  std::vector<std::string> names;
  for (const CLI::Option* option : app_.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::string given = extras[0].substr(0, extras[0].find('='));
  const std::string near = given.starts_with("-") ? nearest_name(given, names) : std::string();
  return Status::error(Code::invalid_argument, "unknown argument", extras[0], {},
                       near.empty() ? "see " + name_ + " --help" : "did you mean " + near + "?");
}

Status Verb::parse(int argc, const char* const* argv, bool& done) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app_.help();
    done = true;
    return {};
  } catch (const CLI::ParseError& error) {
    // A mistyped option is the cause of the one that is missing.
    if (Status unknown = unknown_arguments(); !unknown.ok()) return unknown;
    return Status::error(Code::invalid_argument, error.what(), {}, {}, "see " + name_ + " --help");
  }
  return unknown_arguments();
}

void Verb::print(const Json& document) {
  print_json(document);
  printed_ = true;
}

int Verb::run(int argc, const char* const* argv, const std::function<Status()>& body) {
  // A file size limit then is a failed write with its reason, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  bool done = false;
  Status status = parse(argc, argv, done);
  if (status.ok() && !done) status = called(body);
  if (!status.ok()) {
    if (!reports_ || reports_(status)) print_error(name_, status);
    if (json_ && !printed_) print_json({{"error", to_json(status)}});
  }
  std::cout.flush();
  if (!std::cout && status.ok()) {
    status = Status::error(Code::internal, "standard output could not be written", {}, {}, "is the disk full?");
    print_error(name_, status);
  }
  return exit_code(status);
}

void print_error(const std::string& name, const Status& status) {
  const bool colour = use_colour(STDERR_FILENO);
  std::cerr << name << ": " << (colour ? "\033[31merror:\033[0m " : "error: ") << status.text() << std::endl;
}

}  // namespace fvattn::host
