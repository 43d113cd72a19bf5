#include <fvattn/distributed/bootstrap.hpp>

#include <charconv>
#include <cmath>
#include <limits>

namespace fvattn {
namespace {

struct Variables {
  LaunchSource source;
  const char *rank, *size, *local_rank;
  const char *address, *port;  // nullptr: it sets none
};
constexpr Variables kSources[] = {
    {LaunchSource::fvattn, env::kDistRank, env::kDistSize, env::kDistLocalRank, env::kDistAddress, env::kDistPort},
    {LaunchSource::open_mpi, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", nullptr, nullptr},
    {LaunchSource::torchrun, "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"},
};

std::vector<const char*> names_of(const Variables& v) {
  std::vector<const char*> names{v.rank, v.size, v.local_rank};
  if (v.address != nullptr) names.insert(names.end(), {v.address, v.port});
  return names;
}

bool has_begun(const Environment& environment, const Variables& v) {
  if (v.source == LaunchSource::torchrun) return environment.find(v.rank) != nullptr || environment.find(v.size) != nullptr;
  for (const char* name : names_of(v))
    if (environment.find(name) != nullptr) return true;
  return false;
}

Status check_complete(const Environment& environment, const Variables& v) {
  std::string set, missing;
  for (const char* name : names_of(v)) {
    std::string& list = environment.find(name) != nullptr ? set : missing;
    list.append(list.empty() ? "" : ", ").append(name);
  }
  if (missing.empty()) return {};
  return Status::error(Code::invalid_argument, "the environment says only a part of which rank this is",
                       set + " without " + missing, "all of them, or none",
                       std::string("they are those of ") + to_string(v.source) +
                           ": start the program with it, or unset them");
}

Status read_number(const Environment& environment, const char* name, int least, int most, int& number) {
  const std::string& text = *environment.find(name);
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (trouble == std::errc() && end == text.data() + text.size() && number >= least && number <= most) return {};
  return Status::error(Code::invalid_argument, std::string(name) + " is out of range", "'" + text + "'",
                       std::to_string(least) + " to " + std::to_string(most));
}

Status read_seconds(const Environment& environment, const char* name, std::chrono::milliseconds& time) {
  const std::string* text = environment.find(name);
  if (text == nullptr) return {};
  double seconds = 0;
  const auto [end, trouble] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  constexpr double kMost = 1e6;
  if (trouble != std::errc() || end != text->data() + text->size() || !(seconds > 0 && seconds <= kMost))
    return Status::error(Code::invalid_argument, std::string(name) + " is no time", "'" + *text + "'",
                         "seconds, more than 0 and at most 1000000");
  time = std::chrono::milliseconds(static_cast<int64_t>(std::ceil(1000 * seconds)));
  return {};
}

}  // namespace

const char* to_string(LaunchSource source) {
  switch (source) {
    case LaunchSource::single: return "nobody";
    case LaunchSource::fvattn: return "fvattn launch";
    case LaunchSource::open_mpi: return "mpirun";
    case LaunchSource::torchrun: return "torchrun";
  }
  return "";
}

Result<Launch> read_launch(const Environment& environment) {
  constexpr int kMost = std::numeric_limits<int>::max(), kMostPort = 65535;
  for (const Variables& v : kSources) {
    if (!has_begun(environment, v)) continue;
    if (Status status = check_complete(environment, v); !status.ok()) return status;
    Launch launch;
    launch.source = v.source;
    if (Status status = read_number(environment, v.size, 1, kMost, launch.size); !status.ok()) return status;
    if (Status status = read_number(environment, v.rank, 0, launch.size - 1, launch.rank); !status.ok()) return status;
    if (Status status = read_number(environment, v.local_rank, 0, launch.size - 1, launch.local_rank); !status.ok())
      return status;
    if (v.address == nullptr) return launch;
    launch.address = *environment.find(v.address);
    if (Status status = read_number(environment, v.port, 1, kMostPort, launch.port); !status.ok()) return status;
    return launch;
  }
  return Launch{};
}

Result<CommunicatorOptions> communicator_options(const Environment& environment) {
  CommunicatorOptions options;
  if (Status status = read_seconds(environment, env::kDistTimeout, options.timeout); !status.ok()) return status;
  if (Status status = read_seconds(environment, env::kDistWarmUp, options.warm_up_timeout); !status.ok()) return status;
  return options;
}

Result<std::shared_ptr<Communicator>> open_cpu_communicator(const Launch& launch, const CommunicatorOptions& options) {
  if (launch.alone()) return make_local_communicator();
  switch (launch.source) {
    case LaunchSource::single:
    case LaunchSource::open_mpi: return make_mpi_communicator(options);
    case LaunchSource::torchrun:
      return Status::error(Code::unavailable, "torchrun started these ranks, and it does not connect programs on CPUs",
                           "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.size), {},
                           "start the program with 'fvattn launch -n " + std::to_string(launch.size) +
                               " -- COMMAND' or with mpirun; a Python program hands in its process group");
    case LaunchSource::fvattn:
      return Status::error(Code::unavailable, "these ranks were launched for GPUs, and their tensors are on the CPU",
                           "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.size), {},
                           "use fvattn launch with --device cpu");
  }
  return Status::error(Code::internal, "an unknown launcher");
}

}  // namespace fvattn
