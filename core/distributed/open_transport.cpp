// The vote of a group on its transport, and the communicator that comes of it.
#include <fvattn/distributed/peer.hpp>
#include <fvattn/distributed/transport_choice.hpp>

namespace fvattn {
namespace {

constexpr const char* kRefuses = "refuses ";

Contract contract_of(const TransportVote& vote) {
  Contract contract;
  contract.add("gpu", vote.gpu ? "yes" : "no", false);
  contract.add("group", vote.group_given ? "yes" : "no", false);
  contract.add("forced", vote.forced, false);
  for (const auto& [name, why] : vote.refusals) contract.add(kRefuses + name, why, false);
  return contract;
}

TransportVote vote_of(const Contract& contract) {
  TransportVote vote{contract.value("gpu") == "yes", contract.value("group") == "yes", contract.value("forced"), {}};
  const std::string_view prefix = kRefuses;
  for (const Contract::Entry& entry : contract.entries)
    if (entry.name.starts_with(prefix)) vote.refusals.emplace(entry.name.substr(prefix.size()), entry.value);
  return vote;
}

/// Another communicator, with the reason why it is the one.
class Chosen final : public Communicator {
 public:
  Chosen(std::shared_ptr<Communicator> base, std::string reason) : base_(std::move(base)), reason_(std::move(reason)) {}

  int rank() const override { return base_->rank(); }
  int size() const override { return base_->size(); }
  const std::string& name() const override { return base_->name(); }
  const std::string& fallback_reason() const override { return reason_; }
  bool moves_device_memory() const override { return base_->moves_device_memory(); }
  bool can_be_captured() const override { return base_->can_be_captured(); }
  Status exchange(const Exchange& exchange) override { return base_->exchange(exchange); }
  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override { return base_->gather_contracts(mine); }
  Status barrier() override { return base_->barrier(); }
  void abort(const std::string& reason) override { base_->abort(reason); }
  CommunicatorStats stats() const override { return base_->stats(); }

 private:
  const std::shared_ptr<Communicator> base_;
  const std::string reason_;
};

}  // namespace

Result<std::shared_ptr<Communicator>> open_transport(std::shared_ptr<Communicator> base, int device, TransportVote vote,
                                                     const CommunicatorOptions& options) {
  vote.gpu = device >= 0;
  if (vote.gpu)
    if (const Status status = peer_support(device); !status.ok()) vote.refusals.emplace("peer", status.text());
  if (vote.gpu && !base->moves_device_memory())
    vote.refusals.emplace(base->name(), "it moves memory of the CPU, and the tensors are on a GPU");
  for (const char* name : {"nccl", "ce"})
    if (base->name() != name) vote.refusals.emplace(name, "this build of fvattn does not have it");
  const auto all = base->gather_contracts(contract_of(vote));
  if (!all) return all.status();
  std::vector<TransportVote> votes;
  for (const Contract& contract : *all) votes.push_back(vote_of(contract));
  auto choice = choose_transport(votes);
  if (!choice) return choice.status();
  if (choice->name == "peer") {
    PeerOptions peer;
    peer.device = device;
    peer.limits = options;
    auto made = make_peer_communicator(base, peer);
    const bool may_fall_back = vote.forced.empty() && base->moves_device_memory();
    // What no vote can know, as memory that cannot be opened, is an error on all ranks: all fall back.
    if (made || !may_fall_back) return made;
    choice = TransportChoice{base->name(), "peer: " + made.status().text()};
  }
  if (choice->name != base->name())
    return Status::error(Code::unavailable, "the ranks are connected by another transport than the one they chose",
                         base->name(), choice->name);
  if (choice->fallback_reason.empty()) return base;
  return std::shared_ptr<Communicator>(std::make_shared<Chosen>(std::move(base), choice->fallback_reason));
}

}  // namespace fvattn
