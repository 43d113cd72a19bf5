// One of several ranks that meet at a store, as those of GPUs do, in which something goes wrong on rank 1. Prints what each
// gets to know; the exit code is 0 for those that were told.
#include <fvattn/torch/store_communicator.hpp>

#include <csignal>
#include <cstdio>
#include <string>
#include <unistd.h>

using namespace fvattn;

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const Environment environment = Environment::capture();
  const auto launch = read_launch(environment);
  const auto options = communicator_options(environment);
  if (!launch || !options) return 2;
  const bool bad = launch->rank == 1;
  if (mode == "never starts" && bad) pause();
  auto first = make_store_communicator(*launch, *options);
  auto self = first ? make_store_communicator(*launch, *options) : first;  // as many as there are transports
  Status status = self.status();
  if (self) {
    Contract mine;
    mine.add("the answer", mode == "differ" && bad ? "41" : "42");
    status = (*self)->agree(mine).status();
    if (status.ok()) status = (*self)->barrier();
    if (mode == "kill" && bad) raise(SIGKILL);
    if (mode == "sleep" && bad) pause();
    if (mode == "abort" && bad) (*self)->abort("out of memory");
    if (mode == "leave" && bad) self->reset();
    if (status.ok() && *self) status = mode == "operation" && bad ? (*self)->agree(mine).status() : (*self)->barrier();
  }
  std::printf("rank %d: %s\n", launch->rank, status.text().c_str());
  // The other communicator of the same ranks goes on, where all are there.
  if (first && (mode == "differ" || mode == "operation" || mode == "abort"))
    std::printf("rank %d, the other: %s\n", launch->rank, (*first)->barrier().text().c_str());
  std::fflush(stdout);
  return 0;
}
