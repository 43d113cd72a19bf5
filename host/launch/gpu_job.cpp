#include "launch/child.hpp"
#include "launch/job.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fvattn::host {
namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kHere = "127.0.0.1";
constexpr std::chrono::seconds kGrace{5};  // between SIGTERM and SIGKILL

// A port that is free now; rank 0 listens there.
Result<int> free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, kHere, &address.sin_addr);
  socklen_t length = sizeof address;
  const bool found = listener >= 0 && bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  if (listener >= 0) close(listener);
  if (!found) return Status::error(Code::unavailable, std::string("no port is free on ") + kHere);
  return static_cast<int>(ntohs(address.sin_port));
}

std::map<std::string, std::string> variables_of(int rank, int ranks, int port) {
  const std::string r = std::to_string(rank), size = std::to_string(ranks), p = std::to_string(port);
  return {{env::kDistRank, r}, {env::kDistSize, size}, {env::kDistLocalRank, r}, {env::kDistAddress, kHere},
          {env::kDistPort, p}, {"RANK", r}, {"WORLD_SIZE", size}, {"LOCAL_RANK", r}, {"MASTER_ADDR", kHere},
          {"MASTER_PORT", p}};
}

class Ranks {
 public:
  ~Ranks() { end(SIGKILL); }
  void add(pid_t child) {
    pids_.push_back(child);
    forwarding_.add(child);
  }
  void end(int signal) const {
    for (const pid_t pid : pids_)
      if (pid != 0) kill(pid, signal);
  }
  /// Waits for all; after the first failure the others are ended.
  Outcome wait() {
    Outcome outcome;
    std::optional<Clock::time_point> kill_at;
    for (size_t left = pids_.size(); left > 0;) {
      int status = 0;
      const pid_t ended = waitpid(-1, &status, WNOHANG);
      if (ended <= 0) {
        if (kill_at && Clock::now() > *kill_at) end(SIGKILL);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      for (size_t r = 0; r < pids_.size(); ++r) {
        if (pids_[r] != -ended) continue;
        pids_[r] = 0;
        --left;
        forwarding_.remove(-ended);
        kill(-ended, SIGTERM);  // what it has left behind
        if (status == 0 || kill_at) continue;
        outcome.exit_code = exit_code_of(status);
        outcome.failed_rank = static_cast<int>(r);
        if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
        kill_at = Clock::now() + kGrace;
        end(SIGTERM);
      }
    }
    outcome.forwarded = forwarding_.forwarded();
    return outcome;
  }

 private:
  SignalForwarding forwarding_;
  std::vector<pid_t> pids_;
};

}  // namespace

Result<Outcome> run_here(const Job& job) {
  const Result<int> port = free_port();
  if (!port) return port.status();
  Ranks ranks;
  for (int r = 0; r < job.ranks; ++r) {
    ChildOptions options;
    options.environment = variables_of(r, job.ranks, *port);
    options.reads_input = r == 0;
    options.leads_group = true;
    if (job.output_to_errors) options.output = STDERR_FILENO;
    const Result<pid_t> child = start_child(job.command, options);
    if (!child) return child.status();
    ranks.add(*child);
  }
  return ranks.wait();
}

}  // namespace fvattn::host
