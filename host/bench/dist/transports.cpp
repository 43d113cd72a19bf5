#include "bench/dist/transports.hpp"

#include "bench/dist/torch_group.hpp"

#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/distributed/peer.hpp>
#include <fvattn/distributed/transport_choice.hpp>

namespace fvattn::bench::dist {
namespace {

Result<std::shared_ptr<Communicator>> open(const Member& member, const std::string& name, int writers) {
  const Environment environment = Environment::capture();
  const auto options = communicator_options(environment);
  if (!options) return options.status();
  if (name == "c10d") return open_torch_group(member, *options);
  auto base = member.connect()();
  if (!base || (*base)->name() == name) return base;
  if (!member.on_gpu())
    return Status::error(Code::unavailable, "the tensors are on the CPU, where " + (*base)->name() + " connects these ranks",
                         name);
  if ((name == "peer" || name == "ce") && (member.is_thread() || writers > 0)) {
    PeerOptions peer;
    peer.device = member.device().index();
    peer.shares_addresses = member.is_thread();
    peer.copy_engines = name == "ce";
    if (writers > 0) peer.writers = writers;
    peer.limits = *options;
    return make_peer_communicator(std::move(*base), peer);
  }
  TransportVote vote;
  vote.forced = name;
  return open_transport(std::move(*base), member.device().index(), vote, *options);
}

}  // namespace

Result<std::shared_ptr<Communicator>> open_by_name(const Member& member, const std::string& name, int writers) {
  Result<std::shared_ptr<Communicator>> made = Status();
  try {
    made = open(member, name, writers);
  } catch (const std::exception& error) {
    made = Status::error(Code::unavailable, std::string(error.what()));
  }
  if (Status status = member.all_well(made.status()); !status.ok()) return status;
  return made;
}

}  // namespace fvattn::bench::dist
