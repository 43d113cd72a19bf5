// The vote of a group on its transport, and the communicator that comes of it.
#include <fvattn/distributed/nccl.hpp>
#include <fvattn/distributed/peer.hpp>
#include <fvattn/distributed/transport.hpp>
#include <fvattn/distributed/transport_choice.hpp>

#include <algorithm>

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
  bool lends() const override { return base_->lends(); }
  Status exchange(const Exchange& exchange) override { return base_->exchange(exchange); }
  Result<std::vector<std::byte*>> lend(const Exchange& exchange) override { return base_->lend(exchange); }
  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override { return base_->gather_contracts(mine); }
  Status barrier() override { return base_->barrier(); }
  void abort(const std::string& reason) override { base_->abort(reason); }
  CommunicatorStats stats() const override { return base_->stats(); }

 private:
  const std::shared_ptr<Communicator> base_;
  const std::string reason_;
};

constexpr const char* kOverBase[] = {"peer", "ce", "nccl"};

bool is_over_base(const std::string& name) {
  return std::find(std::begin(kOverBase), std::end(kOverBase), name) != std::end(kOverBase);
}

// What this rank knows about the transports that are made over another one.
void add_refusals(TransportVote& vote, int device) {
  for (const char* name : kOverBase) {
    Status status = Status::error(Code::unavailable, "it moves memory of GPUs, and the tensors are on the CPU");
    if (vote.gpu) status = std::string_view(name) == "nccl" ? nccl_support(device) : peer_support(device);
    if (!status.ok()) vote.refusals.emplace(name, status.text());
  }
}

Result<std::shared_ptr<Communicator>> make(const std::string& name, const std::shared_ptr<Communicator>& base, int device,
                                           bool shares_addresses, const CommunicatorOptions& options) {
  if (name == "nccl") return make_nccl_communicator(base, {device, options});
  PeerOptions peer;
  peer.device = device;
  peer.shares_addresses = shares_addresses;
  peer.limits = options;
  peer.copy_engines = name == "ce";
  return make_peer_communicator(base, peer);
}

}  // namespace

Result<std::shared_ptr<Communicator>> open_transport(std::shared_ptr<Communicator> base, int device, TransportVote vote,
                                                     const CommunicatorOptions& options) {
  vote.gpu = device >= 0;
  add_refusals(vote, device);
  if (vote.gpu && !base->moves_device_memory())
    vote.refusals.emplace(base->name(), "it moves memory of the CPU, and the tensors are on a GPU");
  for (;;) {
    Contract mine = contract_of(vote);
    mine.add("process", process_identity(), false);
    const auto all = base->gather_contracts(mine);
    if (!all) return all.status();
    std::vector<TransportVote> votes;
    bool one_process = true;
    for (const Contract& contract : *all) {
      votes.push_back(vote_of(contract));
      one_process = one_process && contract.value("process") == all->front().value("process");
    }
    const auto choice = choose_transport(votes);
    if (!choice) return choice.status();
    std::shared_ptr<Communicator> chosen = base;
    if (is_over_base(choice->name) && choice->name != base->name()) {
      auto made = make(choice->name, base, device, one_process, options);
      if (!made && !vote.forced.empty()) return made.status();
      if (!made) {  // what no vote could know, as memory that cannot be opened, is an error on all ranks: all vote again
        vote.refusals.insert_or_assign(choice->name, made.status().text());
        continue;
      }
      chosen = std::move(*made);
    } else if (choice->name != base->name()) {
      return Status::error(Code::unavailable, "the ranks are connected by another transport than the one they chose",
                           base->name(), choice->name);
    }
    if (choice->fallback_reason.empty()) return chosen;
    return std::shared_ptr<Communicator>(std::make_shared<Chosen>(std::move(chosen), choice->fallback_reason));
  }
}

}  // namespace fvattn
