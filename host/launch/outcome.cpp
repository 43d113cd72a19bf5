#include "launch/job.hpp"

#include <cstring>

namespace fvattn::host {

std::string text_of(const Outcome& outcome) {
  if (outcome.exit_code == 0) return {};
  const auto signal = [](int number) { return std::to_string(number) + " (" + strsignal(number) + ")"; };
  if (outcome.forwarded) return "all ranks were ended by signal " + signal(*outcome.forwarded);
  const std::string who = outcome.failed_rank ? "rank " + std::to_string(*outcome.failed_rank) : "mpirun";
  if (outcome.signal) return who + " was ended by signal " + signal(*outcome.signal);
  return who + " ended with exit code " + std::to_string(outcome.exit_code);
}

}  // namespace fvattn::host
