// What transports are made of: contracts as bytes, and processes that end.
#include "core/support/contains.hpp"

#include <fvattn/distributed/transport.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace fvattn;

TEST_CASE("a contract survives its bytes, its failure too") {
  Contract contract;
  contract.add("rows", 75'827, false);
  contract.add("dtype", std::string("float32\0with a nul", 18));
  contract.add("", "");
  contract.failure = Status::error(Code::unavailable, "no frames", "0", "1 and more", "look at the clip");
  contract.failure.flags = 3;
  const std::string bytes = to_bytes(contract);
  const Contract again = contract_from_bytes(bytes).value();
  CHECK(again.entries == contract.entries);
  CHECK(again.failure.text() == contract.failure.text());
  CHECK(again.failure.code == Code::unavailable);
  CHECK(again.failure.flags == 3);
  CHECK(again.hash() == contract.hash());
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(contract_from_bytes(bytes.substr(0, size)).ok());
  CHECK_FALSE(contract_from_bytes(bytes + "x").ok());
}

TEST_CASE("operations are compared with words") {
  const std::string same[] = {"barrier", "barrier"}, other[] = {"barrier", "agree"};
  CHECK(check_same_operation(same).ok());
  CHECK_CONTAINS(check_same_operation(other).text(),
                 "ranks came with different operations; got rank 0: barrier; rank 1: agree");
}

TEST_CASE("a process that has ended is known as such, reaped or not; others are not") {
  CHECK_FALSE(process_has_ended(process_identity()));
  CHECK_FALSE(process_has_ended(""));
  CHECK_FALSE(process_has_ended("elsewhere 1 1"));
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string identity = process_identity();
    const bool written = write(pipe_ends[1], identity.data(), identity.size()) > 0;
    while (written) pause();
    _exit(1);
  }
  char text[256];
  const ssize_t size = read(pipe_ends[0], text, sizeof text);
  REQUIRE(size > 0);
  const std::string identity(text, static_cast<size_t>(size));
  CHECK(process_number(identity) == std::to_string(child));
  CHECK_FALSE(process_has_ended(identity));
  kill(child, SIGKILL);
  siginfo_t info;
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(process_has_ended(identity));  // a zombie
  waitpid(child, nullptr, 0);
  CHECK(process_has_ended(identity));
  // The number may be given again, but not with that time of start.
  const std::string own = process_identity();
  CHECK(process_has_ended(own.substr(0, own.rfind(' ')) + " 1"));
}
