// One rank of a group in which something goes wrong on rank 1. What the others get to know is printed as
// "rank R: TEXT"; the exit code is 0 for those that were told, so that the job's code is that of who failed.
#include <fvattn/distributed/bootstrap.hpp>

#include "core/distributed/group.hpp"

#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <unistd.h>

using namespace fvattn;
using namespace fvattn::test;

namespace {

using std::chrono::milliseconds;

Status scatter(Communicator& self, int64_t rows) {
  Tensor in(1, split_evenly(rows, self.size())[static_cast<size_t>(self.rank())].size, 4), out(1, rows, 4);
  Ranges heads(static_cast<size_t>(self.size()), {0, 4});
  return self.exchange(
      {"scatter_heads",
       {{"q", Pattern::scatter_heads, split_evenly(rows, self.size()), heads, in.layout(), out.layout()}},
       nullptr});
}

void sleep_for_ever() {
  for (;;) pause();
}

using Behaviour = Status (*)(std::shared_ptr<Communicator>& self, bool is_bad);
const std::map<std::string, Behaviour> kBehaviours{
    {"shape", [](auto& self, bool bad) { return scatter(*self, bad ? 9 : 8); }},
    {"operation", [](auto& self, bool bad) { return bad ? self->agree({}).status() : self->barrier(); }},
    {"abort",
     [](auto& self, bool bad) {
       if (bad) self->abort("out of memory");
       return scatter(*self, 8);
     }},
    {"abort after all is done",
     [](auto& self, bool bad) {
       Status status = self->barrier();
       if (bad) self->abort("too late");
       return status;
     }},
    {"leave",
     [](auto& self, bool bad) {
       if (!bad) return scatter(*self, 8);
       self.reset();
       return Status();
     }},
    {"bad tensors",
     [](auto& self, bool bad) {
       if (!bad) return scatter(*self, 8);
       Tensor in(1, 1, 4), out(1, 8, 4);
       const Ranges rows = split_evenly(8, self->size()), heads(static_cast<size_t>(self->size()), {0, 4});
       return self->exchange({"scatter_heads", {{"q", Pattern::scatter_heads, rows, heads, in.layout(), out.layout()}}});
     }},
    {"sleep",
     [](auto& self, bool bad) {
       if (bad) sleep_for_ever();
       return scatter(*self, 8);
     }},
    {"stop",
     [](auto& self, bool bad) {
       if (bad) raise(SIGSTOP);
       return scatter(*self, 8);
     }},
    {"kill",
     [](auto& self, bool bad) {
       if (bad) raise(SIGKILL);
       return scatter(*self, 8);
     }},
    {"kill while they move bytes",
     [](auto& self, bool bad) {
       for (int i = 0;; ++i) {
         if (bad && i == 20) raise(SIGKILL);
         if (Status status = scatter(*self, 200'000); !status.ok()) return status;
       }
     }},
    {"exit",
     [](auto& self, bool bad) {
       if (bad) _exit(5);
       return scatter(*self, 8);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const Environment environment = Environment::capture();
  const Result<Launch> launch = read_launch(environment);
  const auto options = communicator_options(environment);
  if (!launch || !options) return 2;
  const bool bad = launch->rank == 1;
  if (mode == "never starts" && bad) sleep_for_ever();
  auto self = open_cpu_communicator(*launch, *options);
  if (!self) {
    std::printf("rank %d: %s\n", launch->rank, self.status().text().c_str());
    std::fflush(stdout);
    return 3;
  }
  const auto behaviour = kBehaviours.find(mode);
  if (behaviour == kBehaviours.end()) return 2;
  if (Status status = (*self)->barrier(); !status.ok()) return 4;
  const Status status = behaviour->second(*self, bad);
  std::printf("rank %d: %s\n", launch->rank, status.text().c_str());
  if (*self) std::printf("rank %d, later: %s\n", launch->rank, (*self)->barrier().text().c_str());
  std::fflush(stdout);
  return 0;
}
