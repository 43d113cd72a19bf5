#include "launch/child.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fvattn::host {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
constexpr size_t kMostChildren = 1024;

// What a signal handler may read.
std::array<std::atomic<pid_t>, kMostChildren> children;
std::atomic<int> received = 0;
std::array<struct sigaction, std::size(kSignals)> former;

void forward(int number, siginfo_t* info, void*) {
  const int saved = errno;
  if (number != SIGUSR1 && number != SIGUSR2 && received == 0) received = number;
  for (const auto& child : children) {
    const pid_t pid = child;
    // A terminal tells the whole process group, with the children that lead none of their own.
    if (pid < 0 || (pid > 0 && info->si_code != SI_KERNEL)) kill(pid, number);
  }
  errno = saved;
}

[[noreturn]] void become(char** words, char** variables, const ChildOptions& options, pid_t parent) {
  if (options.leads_group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // it ended before the line above
  if (options.output >= 0) dup2(options.output, STDOUT_FILENO);
  if (options.errors >= 0) dup2(options.errors, STDERR_FILENO);
  if (!options.reads_input) {
    const int empty = open("/dev/null", O_RDONLY);
    if (empty >= 0) dup2(empty, STDIN_FILENO);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(words[0], words, variables);
  _exit(errno == ENOENT ? 127 : 126);
}

}  // namespace

Result<pid_t> start_child(const std::vector<std::string>& words, const ChildOptions& options) {
  std::vector<char*> arguments, variables;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> added;
  for (const auto& [name, value] : options.environment) added.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (options.environment.count(std::string(text.substr(0, text.find('=')))) == 0) variables.push_back(*entry);
  }
  for (std::string& entry : added) variables.push_back(entry.data());
  variables.push_back(nullptr);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) become(arguments.data(), variables.data(), options, parent);
  if (child < 0) return Status::error(Code::unavailable, "cannot start " + words[0], std::strerror(errno));
  if (!options.leads_group) return child;
  setpgid(child, child);  // whoever comes first
  return -child;
}

SignalForwarding::SignalForwarding() {
  received = 0;
  struct sigaction action {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &former[i]);
}

SignalForwarding::~SignalForwarding() {
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &former[i], nullptr);
}

void SignalForwarding::add(pid_t child) {
  for (auto& place : children) {
    pid_t empty = 0;
    if (place.compare_exchange_strong(empty, child)) break;
  }
  if (received != 0) kill(child, received);
}

void SignalForwarding::remove(pid_t child) {
  for (auto& place : children) {
    pid_t expected = child;
    if (place.compare_exchange_strong(expected, 0)) return;
  }
}

std::optional<int> SignalForwarding::forwarded() const {
  const int signal = received;
  return signal == 0 ? std::nullopt : std::optional(signal);
}

int exit_code_of(int wait_status) {
  constexpr int kSignalBase = 128;
  return WIFSIGNALED(wait_status) ? kSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace fvattn::host
