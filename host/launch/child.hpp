// Child processes that end with this one, and get its signals.
#pragma once

#include <fvattn/status.hpp>

#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fvattn::host {

struct ChildOptions {
  std::map<std::string, std::string> environment;  // added to this process's
  int output = -1, errors = -1;                    // file descriptors; -1: this process's
  bool reads_input = true;                         // false: its standard input is empty
  bool leads_group = false;  // its signals reach its own children too; a terminal's do not reach it by themselves
};

/// Starts the file words[0]. The child gets SIGTERM when this process ends, however that happens. Gives what kill() takes:
/// its process id, negative if it leads a group.
Result<pid_t> start_child(const std::vector<std::string>& words, const ChildOptions& options);

/// While it lives, SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 go to the children, as start_child gave them, in place of
/// this process. One at a time.
class SignalForwarding {
 public:
  SignalForwarding();
  ~SignalForwarding();
  SignalForwarding(const SignalForwarding&) = delete;
  SignalForwarding& operator=(const SignalForwarding&) = delete;

  /// A signal that came earlier is sent now.
  void add(pid_t child);
  void remove(pid_t child);
  /// The first signal of those that end a process.
  std::optional<int> forwarded() const;
};

/// 128 + signal, or the exit code, of a status of waitpid.
int exit_code_of(int wait_status);

}  // namespace fvattn::host
