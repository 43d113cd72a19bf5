#include "ranks/ranks.hpp"

#include "ranks/echo.hpp"

#include <fvattn/distributed/transport_choice.hpp>
#include <fvattn/torch/store_communicator.hpp>

#include <cstdio>

namespace fvattn::host {
namespace {

// Rank 0 may read, decode and write for long while the others wait for their next task. A rank that died is not waited
// for: mpirun ends the job.
constexpr std::chrono::minutes kTaskTime{60};

}  // namespace

Ranks::Ranks(Verb& verb) {
  const Environment environment = Environment::capture();
  if (auto launch = read_launch(environment); launch) launch_ = *launch;
  else launch_trouble_ = launch.status();
  if (alone()) return;
  if (!is_root() && std::freopen("/dev/null", "w", stdout) == nullptr)
    launch_trouble_ = Status::error(Code::unavailable, "standard output cannot be closed");
  verb.report_if([this](Status& status) { return reports(status); });
}

Status Ranks::connect(bool on_gpu) {
  if (!launch_trouble_.ok()) return launch_trouble_;
  if (alone()) return {};
  const Environment environment = Environment::capture();
  auto options = communicator_options(environment);
  if (!options) return options.status();
  if (environment.find(env::kDistTimeout) == nullptr) options->timeout = kTaskTime;
  auto made = on_gpu && !launch_.address.empty() ? make_store_communicator(launch_, *options)
                                                 : open_cpu_communicator(launch_, *options);
  if (!made) return made.status();
  communicator_ = std::move(*made);
  return {};
}

Status Ranks::open_transport(int device) {
  if (alone() || device < 0) return {};
  const Environment environment = Environment::capture();
  const auto options = communicator_options(environment);
  if (!options) return options.status();
  const auto forced = forced_transport(environment);
  if (!forced) return forced.status();
  TransportVote vote;
  vote.forced = *forced;
  auto made = fvattn::open_transport(communicator_, device, vote, *options);
  if (!made) return made.status();
  communicator_ = std::move(*made);
  return {};
}

void Ranks::adopt(std::shared_ptr<Communicator> communicator) {
  communicator_ = std::move(communicator);
  met_ = true;
}

Result<std::vector<Contract>> Ranks::meet(const Status& mine, const Facts& facts) {
  Contract contract;
  contract.failure = mine;
  if (is_root())
    for (const auto& [name, value] : facts) contract.add(name, value, false);
  if (communicator_ == nullptr) return std::vector<Contract>{contract};
  auto all = communicator_->gather_contracts(contract);
  met_ = met_ || all.ok();
  return all;
}

Result<Ranks::Facts> Ranks::tell(const Status& mine, const Facts& facts) {
  const auto all = meet(mine, facts);
  if (!all) return all.status();
  for (size_t r = 0; r < all->size(); ++r) {
    if ((*all)[r].failure.ok()) continue;
    reporter_ = static_cast<int>(r);
    // The own failure comes back unchanged; of another rank's, the name comes first.
    return check_agreement(*all, rank());
  }
  Facts heard;
  for (const Contract::Entry& entry : all->front().entries) heard.emplace(entry.name, entry.value);
  return heard;
}

Status Ranks::all_well(const Status& mine) {
  const auto all = meet(mine, {});
  if (!all) return all.status();
  if (!mine.ok()) return mine;
  for (size_t r = 0; r < all->size(); ++r) {
    Status other = (*all)[r].failure;
    if (other.ok()) continue;
    other.what = "on rank " + std::to_string(r) + ": " + other.what;
    return other;
  }
  return {};
}

Status Ranks::name_rank(Status status) const {
  if (!status.what.starts_with("rank ")) status.what = "rank " + std::to_string(rank()) + ": " + status.what;
  return status;
}

bool Ranks::reports(Status& status) {
  if (!launch_trouble_.ok()) return true;
  if (alike_) return is_root();
  // The others are on their way to the first meeting: there they hear of it, and the first rank that fails reports.
  if (!met_) {
    if (communicator_ == nullptr) {
      if (const Status trouble = connect(false); !trouble.ok()) {
        status = name_rank(status);
        // What cannot be connected at all is refused on every rank alike.
        return is_root() || launch_.source == LaunchSource::open_mpi;
      }
    }
    if (const auto told = tell(status); reporter_ < 0) {
      status = name_rank(status);  // nobody came
      return true;
    }
  }
  if (reporter_ >= 0) {
    if (!is_root()) status = name_rank(status);
    return reporter_ == rank();
  }
  status = with_original_code(std::move(status));
  if (const auto origin = origin_of(status); origin && *origin != rank()) return false;
  if (is_common(status)) return is_root();
  communicator_->abort(abort_reason(status));
  status = name_rank(status);
  return true;
}

}  // namespace fvattn::host
