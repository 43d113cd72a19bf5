#include "common/paths.hpp"
#include "launch/child.hpp"
#include "launch/command.hpp"
#include "launch/job.hpp"
#include "launch/mpirun_messages.hpp"
#include "launch/rank.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <sys/uio.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace fvattn::host {
namespace {

constexpr const char* kThreads = "OMP_NUM_THREADS";
constexpr const char* kSingleCopy = "OMPI_MCA_btl_vader_single_copy_mechanism";

// Some containers forbid the call by which Open MPI reads other processes' memory, which it finds out too late.
bool may_read_processes() {
  char from = 0, to = 0;
  const iovec source{&from, 1}, target{&to, 1};
  return process_vm_readv(getpid(), &target, 1, &source, 1, 0) == 1;
}

std::vector<std::string> words_of(const Job& job, const std::string& mpirun, const Environment& environment, bool threads) {
  std::vector<std::string> words{mpirun, "-n", std::to_string(job.ranks), "--oversubscribe", "--bind-to", "none"};
  if (geteuid() == 0) words.emplace_back("--allow-run-as-root");
  if (!job.hosts.empty()) {
    words.insert(words.end(), {"--host", job.hosts});
    // mpirun takes only its own variables to other machines.
    for (const auto& [name, value] : environment.values())
      if (name.starts_with(env::kPrefix)) words.insert(words.end(), {"-x", name});
    if (threads) words.insert(words.end(), {"-x", kThreads});
  }
  words.insert(words.end(), {executable_path(), kAsRank});
  words.insert(words.end(), job.command.begin(), job.command.end());
  return words;
}

}  // namespace

Result<Outcome> run_by_mpirun(const Job& job, const Environment& environment) {
  const std::string mpirun = find_in_path("mpirun", environment);
  if (mpirun.empty())
    return Status::error(Code::unavailable, "ranks on CPUs are started by mpirun, which is not installed", {}, {},
                         "install Open MPI (Debian: openmpi-bin)");
  ChildOptions options;
  // Ranks share the processors: each with threads for all of them would be slower than one alone.
  const bool threads = std::getenv(kThreads) == nullptr;
  if (threads && job.hosts.empty())
    options.environment[kThreads] =
        std::to_string(std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / job.ranks));
  if (std::getenv(kSingleCopy) == nullptr && !may_read_processes()) options.environment[kSingleCopy] = "none";
  const std::vector<std::string> words = words_of(job, mpirun, environment, !threads);
  std::cerr << "fvattn launch: " << job.ranks << (job.ranks == 1 ? " rank" : " ranks") << " by mpirun --oversubscribe"
            << (geteuid() == 0 ? " --allow-run-as-root, because this is root" : "") << std::endl;

  int errors[2];
  if (pipe2(errors, O_CLOEXEC) != 0) return Status::error(Code::unavailable, "no pipe");
  options.errors = errors[1];
  if (job.output_to_errors) options.output = STDERR_FILENO;
  SignalForwarding forwarding;
  const Result<pid_t> child = start_child(words, options);
  close(errors[1]);
  if (!child) {
    close(errors[0]);
    return child.status();
  }
  forwarding.add(*child);
  MpirunMessages messages(std::cerr);
  char text[4096];
  for (;;) {
    const ssize_t got = read(errors[0], text, sizeof text);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    messages.add({text, static_cast<size_t>(got)});
  }
  close(errors[0]);
  messages.finish();
  int status = 0;
  while (waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  forwarding.remove(*child);
  Outcome outcome;
  outcome.exit_code = exit_code_of(status);
  if (outcome.exit_code != 0 && messages.failure()) outcome = *messages.failure();
  outcome.forwarded = forwarding.forwarded();
  constexpr int kSignalBase = 128;
  if (outcome.exit_code != 0 && outcome.forwarded) outcome.exit_code = kSignalBase + *outcome.forwarded;
  return outcome;
}

}  // namespace fvattn::host
