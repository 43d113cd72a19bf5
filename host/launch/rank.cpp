#include "launch/rank.hpp"

#include "launch/child.hpp"

#include <fvattn/distributed/bootstrap.hpp>

#include <cerrno>
#include <iostream>
#include <regex>
#include <sys/wait.h>

namespace fvattn::host {

int run_as_rank(int argc, char** argv) {
  SignalForwarding forwarding;
  // In a group of its own: mpirun signals that of this process, which passes the signal on, once.
  ChildOptions options;
  options.leads_group = true;
  const Result<pid_t> child = start_child(std::vector<std::string>(argv, argv + argc), options);
  if (!child) {
    std::cerr << child.status().text() << std::endl;
    return 1;
  }
  forwarding.add(*child);
  int status = 0;
  while (waitpid(-*child, &status, 0) < 0 && errno == EINTR) {
  }
  forwarding.remove(*child);
  // Who is ended by mpirun has not failed.
  const auto launch = read_launch(Environment::capture());
  if (status != 0 && !forwarding.forwarded() && launch) {
    Outcome outcome;
    outcome.exit_code = exit_code_of(status);
    outcome.failed_rank = launch->rank;
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    std::cerr << "\nfvattn launch: " + text_of(outcome) + "\n" << std::flush;
  }
  return exit_code_of(status);
}

std::optional<Outcome> reported_in(const std::string& line) {
  static const std::regex report(R"(fvattn launch: rank (\d+) (ended with exit code|was ended by signal) (\d+).*)");
  std::smatch found;
  if (!std::regex_match(line, found, report)) return std::nullopt;
  Outcome outcome;
  outcome.failed_rank = std::stoi(found[1]);
  outcome.exit_code = std::stoi(found[3]);
  if (found[2] == "was ended by signal") {
    outcome.signal = outcome.exit_code;
    constexpr int kSignalBase = 128;
    outcome.exit_code += kSignalBase;
  }
  return outcome;
}

}  // namespace fvattn::host
