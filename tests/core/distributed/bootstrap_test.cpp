// Which rank a process is: every launcher's variables, halves of them, and nonsense in them.
#include <fvattn/distributed/bootstrap.hpp>

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

using namespace fvattn;

namespace {

using Variables = std::map<std::string, std::string>;

const Variables kFvattn{{env::kDistRank, "1"}, {env::kDistSize, "4"}, {env::kDistLocalRank, "1"},
                        {env::kDistAddress, "127.0.0.1"}, {env::kDistPort, "4711"}};
const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "5"}, {"OMPI_COMM_WORLD_SIZE", "8"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}};
const Variables kTorchrun{{"RANK", "2"}, {"WORLD_SIZE", "3"}, {"LOCAL_RANK", "0"}, {"MASTER_ADDR", "a.host"},
                          {"MASTER_PORT", "29500"}};

Result<Launch> launch_of(Variables variables) { return read_launch(Environment::from(std::move(variables))); }

Variables joined(Variables a, const Variables& b) {
  a.insert(b.begin(), b.end());
  return a;
}

void check(const Result<Launch>& launch, LaunchSource source, int rank, int size, int local_rank) {
  REQUIRE_MESSAGE(launch.ok(), launch.status().text());
  CHECK(std::string(to_string(launch->source)) == to_string(source));
  CHECK(launch->rank == rank);
  CHECK(launch->size == size);
  CHECK(launch->local_rank == local_rank);
}

}  // namespace

TEST_CASE("each launcher's variables, and which of several decides") {
  check(launch_of({}), LaunchSource::single, 0, 1, 0);
  check(launch_of(kFvattn), LaunchSource::fvattn, 1, 4, 1);
  CHECK(launch_of(kFvattn)->address == "127.0.0.1");
  CHECK(launch_of(kFvattn)->port == 4711);
  check(launch_of(kOpenMpi), LaunchSource::open_mpi, 5, 8, 1);
  CHECK(launch_of(kOpenMpi)->address.empty());
  check(launch_of(kTorchrun), LaunchSource::torchrun, 2, 3, 0);
  CHECK(launch_of(kTorchrun)->address == "a.host");
  check(launch_of(joined(kOpenMpi, kTorchrun)), LaunchSource::open_mpi, 5, 8, 1);
  check(launch_of(joined(joined(kOpenMpi, kTorchrun), kFvattn)), LaunchSource::fvattn, 1, 4, 1);
  // Where torch jobs are scheduled these are set for every program.
  check(launch_of({{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}, {"LOCAL_RANK", "3"}}), LaunchSource::single, 0, 1, 0);
}

TEST_CASE("a part of a launcher's variables is an error that names those that are set and those that are not") {
  CHECK_CONTAINS(launch_of({{"RANK", "1"}}).status().text(),
                 "got RANK without WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT");
  CHECK_CONTAINS(launch_of({{"RANK", "1"}}).status().text(), "torchrun");
  for (const Variables& all : {kFvattn, kOpenMpi, kTorchrun})
    for (const auto& [name, value] : all) {
      Variables part = all;
      part.erase(name);
      CAPTURE(name);
      const auto launch = launch_of(part);
      REQUIRE_FALSE(launch.ok());
      CHECK(launch.status().code == Code::invalid_argument);
      CHECK_CONTAINS(launch.status().text(), "without " + name + "; accepted");
      for (const auto& [set, text] : part) CHECK_CONTAINS(launch.status().text(), set);
    }
}

TEST_CASE("values that are no ranks are refused by name") {
  const auto refused = [](Variables all, const std::string& name, const std::string& value, const std::string& accepted) {
    all[name] = value;
    const Status status = launch_of(all).status();
    CHECK(status.code == Code::invalid_argument);
    CHECK_CONTAINS(status.text(), name + " is out of range; got '" + value + "'; accepted: " + accepted);
  };
  for (const char* value : {"", "x", "-1", "3", "1x", " 1", "99999999999"}) refused(kTorchrun, "RANK", value, "0 to 2");
  for (const char* value : {"0", "-2", "many"}) refused(kOpenMpi, "OMPI_COMM_WORLD_SIZE", value, "1 to ");
  refused(kFvattn, env::kDistLocalRank, "4", "0 to 3");
  refused(kFvattn, env::kDistPort, "0", "1 to 65535");
  refused(kTorchrun, "MASTER_PORT", "65536", "1 to 65535");
}

TEST_CASE("times are seconds, fractions too") {
  const auto options = [](Variables variables) { return communicator_options(Environment::from(std::move(variables))); };
  CHECK(options({})->timeout == std::chrono::seconds(30));
  CHECK(options({})->warm_up_timeout == std::chrono::seconds(600));
  CHECK(options({{env::kDistTimeout, "0.25"}})->timeout == std::chrono::milliseconds(250));
  CHECK(options({{env::kDistWarmUp, "7"}})->warm_up_timeout == std::chrono::seconds(7));
  for (const char* bad : {"", "0", "-1", "soon", "1s", "nan", "inf", "1e9"})
    for (const char* name : {env::kDistTimeout, env::kDistWarmUp})
      CHECK_CONTAINS(options({{name, bad}}).status().text(), std::string(name) + " is no time; got '" + bad + "'");
}

TEST_CASE("who cannot be connected on CPUs is told what to do") {
  const auto refusal = [](const Variables& variables) { return open_cpu_communicator(*launch_of(variables), {}).status(); };
  CHECK(refusal(kTorchrun).code == Code::unavailable);
  CHECK_CONTAINS(refusal(kTorchrun).text(), "got rank 2 of 3; start the program with 'fvattn launch -n 3 -- COMMAND'");
  CHECK_CONTAINS(refusal(kTorchrun).text(), "process group");
  CHECK_CONTAINS(refusal(kFvattn).text(), "--device cpu");
  const auto alone = open_cpu_communicator(*launch_of({}), {});
  REQUIRE(alone.ok());
  CHECK((*alone)->name() == "local");
  const Variables one{{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"LOCAL_RANK", "0"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}};
  CHECK(open_cpu_communicator(*launch_of(one), {}).ok());
}

TEST_CASE("the snapshot of the environment has the launchers' variables") {
  setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1", 1);
  check(read_launch(Environment::capture()), LaunchSource::open_mpi, 1, 2, 1);
  unsetenv("OMPI_COMM_WORLD_SIZE");
  CHECK_CONTAINS(read_launch(Environment::capture()).status().text(), "without OMPI_COMM_WORLD_SIZE");
}
