// peer, ce and nccl between GPUs, against the thread transport bit by bit: as threads of one process and as processes that
// are forked here. Prints one line for each transport and check; run it alone, on one GPU or more.
#include "board.hpp"
#include "checks.hpp"

#include <fvattn/distributed/nccl.hpp>
#include <fvattn/distributed/transport_choice.hpp>

#include <cuda_runtime_api.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <thread>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Step {
  const char* name;
  Check check;
  bool ends;  // the communicator, and with check_killed the process
};
constexpr Step kSteps[] = {{"random geometries", check_geometries, false}, {"100 repeats", check_repeats, false},
                           {"100 queued round trips", check_queued, false}, {"100 graph replays", check_replays, false},
                           {"lost rank", check_lost, true}};
constexpr Step kKill = {"killed rank", check_killed, true};
constexpr const char* kTransports[] = {"peer", "ce", "nccl"};

// What one rank says about the steps of one transport.
struct Report {
  static constexpr size_t kMost = std::size(kSteps) + 1;
  char opening[512];
  char said[kMost][512];
  uint64_t copies, exchanges;
  bool reached[kMost];
};

void say(char (&to)[512], const std::string& text) { std::strncpy(to, text.c_str(), sizeof to - 1); }

CommunicatorOptions limits() { return {std::chrono::seconds(3), std::chrono::seconds(60)}; }

void run_rank(std::shared_ptr<Communicator> base, const char* transport, int device, std::span<const Step> steps,
              Report& report) {
  try {
    const auto made = open_transport(base, device, {true, false, transport, {}}, limits());
    if (!made) return say(report.opening, made.status().text());
    Communicator& self = **made;
    if (self.name() != transport) return say(report.opening, "asked for " + std::string(transport) + ", got " + self.name());
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].check == check_replays && !self.can_be_captured()) {
        say(report.said[i], "-");
        continue;
      }
      say(report.said[i], "it ended in the middle");
      report.reached[i] = true;
      say(report.said[i], steps[i].check(self, device));
      std::memset(report.said[i] + std::strlen(report.said[i]), 0, sizeof report.said[i] - std::strlen(report.said[i]));
      const CommunicatorStats stats = self.stats();
      report.copies = stats.copies;
      report.exchanges = stats.exchanges;
      if (report.said[i][0] != '\0') return;
    }
  } catch (const std::exception& error) {
    for (size_t i = steps.size(); i-- > 0;)
      if (report.reached[i]) return say(report.said[i], error.what());
    say(report.opening, error.what());
  }
}

// The verdict on one transport; true unless something is wrong.
bool print(const char* mode, const char* transport, std::span<const Step> steps, std::span<const Report> ranks) {
  const std::string who = std::string(mode) + " " + transport + ": ";
  for (const Report& rank : ranks)
    if (rank.opening[0] != '\0') {
      const bool cannot = std::strstr(rank.opening, "two ranks have the same GPU") != nullptr;
      std::printf("%-4s %s%s\n", cannot ? "SKIP" : "FAIL", who.c_str(), rank.opening);
      return cannot;
    }
  bool good = true;
  for (size_t i = 0; i < steps.size(); ++i) {
    std::string trouble;
    size_t left_out = 0;
    for (size_t r = 0; r < ranks.size(); ++r) {
      const bool killed = steps[i].check == check_killed && r + 1 == ranks.size();
      const std::string said = ranks[r].said[i];
      left_out += said == "-";
      if (said == "-" || killed) continue;
      if (!ranks[r].reached[i]) trouble += " rank " + std::to_string(r) + ": did not come so far;";
      else if (!said.empty()) trouble += " rank " + std::to_string(r) + ": " + said + ";";
    }
    good = good && trouble.empty();
    const char* verdict = left_out == ranks.size() ? "SKIP" : trouble.empty() ? "PASS" : "FAIL";
    std::printf("%-4s %s%s%s\n", verdict, who.c_str(), steps[i].name, trouble.c_str());
  }
  std::printf("     %s%llu passes beside %llu exchanges\n", who.c_str(),
              static_cast<unsigned long long>(ranks[0].copies), static_cast<unsigned long long>(ranks[0].exchanges));
  return good;
}

void* shared(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return memory;
}

// Forks before this process has touched CUDA; a child that is stuck is ended.
bool as_processes(const char* transport, std::span<const Step> steps, int ranks, int devices) {
  auto* board = new (shared(sizeof(Board))) Board{};
  auto* reports = static_cast<Report*>(shared(sizeof(Report) * static_cast<size_t>(ranks)));
  for (int r = 0; r < ranks; ++r) {
    if (fork() != 0) continue;
    constexpr unsigned kMostSeconds = 150;
    alarm(kMostSeconds);
    run_rank(make_board_communicator(*board, r, ranks, limits()), transport, r % devices, steps, reports[r]);
    std::_Exit(0);
  }
  while (wait(nullptr) > 0) {}
  return print("processes", transport, steps, {reports, static_cast<size_t>(ranks)});
}

bool as_threads(const char* transport, std::span<const Step> steps, int ranks, int devices) {
  std::vector<Report> reports(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (const auto& base : make_thread_communicators(ranks, limits()))
    threads.emplace_back([&, base] {
      run_rank(base, transport, base->rank() % devices, steps, reports[static_cast<size_t>(base->rank())]);
    });
  for (std::thread& thread : threads) thread.join();
  return print("threads", transport, steps, reports);
}

int count_devices() {
  const pid_t child = fork();
  if (child == 0) {
    int count = 0;
    std::_Exit(cudaGetDeviceCount(&count) == cudaSuccess ? count : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  // Ranks that share a GPU: no lazy loading and no shared queue may make one wait for the other.
  setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 1);
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  const int devices = count_devices();
  if (devices == 0) {
    std::printf("skipped: no CUDA device\n");
    return kSkipped;
  }
  const int ranks = argc > 1 ? std::atoi(argv[1]) : std::clamp(devices, 2, kMostRanks);
  if (ranks < 2 || ranks > kMostRanks) {
    std::printf("usage: %s [ranks, 2 to %d]\n", argv[0], kMostRanks);
    return 2;
  }
  std::printf("%d ranks on %d GPUs\n", ranks, devices);
  bool good = true;
  for (const char* transport : kTransports) good &= as_processes(transport, kSteps, ranks, devices);
  for (const char* transport : kTransports) good &= as_processes(transport, {&kKill, 1}, ranks, devices);
  constexpr unsigned kMostSeconds = 300;
  alarm(kMostSeconds);
  for (const char* transport : kTransports) good &= as_threads(transport, kSteps, ranks, devices);
  if (const auto versions = nccl_versions())
    std::printf("NCCL: header %d, library %d\n", versions->header, versions->library);
  std::printf(good ? "PASS\n" : "FAIL\n");
  return good ? 0 : 1;
}
