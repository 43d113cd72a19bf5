// The communicator over MPI, and the library's one entry.
#include "mpi/group.hpp"
#include "mpi_library.hpp"

#include <fvattn/distributed/transport.hpp>

namespace fvattn::mpi {
namespace {

class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(std::unique_ptr<Group> group) : group_(std::move(group)) {}

  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  const std::string& name() const override {
    static const std::string name = "mpi";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return false; }

  Status exchange(const Exchange& exchange) override {
    Status refusal = check_transfers(exchange, rank(), size());
    if (refusal.ok() && exchange.device >= 0)
      refusal = Status::error(Code::invalid_argument, "the transport 'mpi' moves memory of the CPU",
                              "GPU " + std::to_string(exchange.device), "tensors on the CPU");
    // The others wait for this rank: they get to know why it does not come.
    if (!refusal.ok()) {
      abort(refusal.text());
      return refusal;
    }
    if (const auto met = group_->meet(describe(exchange), {}); !met) return met.status();
    const auto moved = group_->move(exchange);
    if (!moved) return moved.status();
    group_->complete();
    note([&] {
      ++stats_.exchanges;
      stats_.bytes_remote += moved->remote;
      stats_.bytes_local += moved->local;
      stats_.copies += moved->copies;
    });
    return {};
  }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const auto met = group_->meet("agree", to_bytes(mine));
    if (!met) return met.status();
    std::vector<Contract> all;
    for (const std::string& bytes : *met) {
      auto contract = contract_from_bytes(bytes);
      if (!contract) {
        abort(contract.status().text());
        return contract.status();
      }
      all.push_back(std::move(*contract));
    }
    group_->complete();
    note([] {});
    return all;
  }

  Status barrier() override {
    if (const auto met = group_->meet("barrier", {}); !met) return met.status();
    group_->complete();
    note([] {});
    return {};
  }

  void abort(const std::string& reason) override { group_->abort(reason); }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  template <class Change>
  void note(Change&& change) {
    const std::lock_guard lock(mutex_);
    change();
    stats_.waits_us = group_->waited_us();
  }

  const std::unique_ptr<Group> group_;
  mutable std::mutex mutex_;  // of stats_, which any thread may read
  CommunicatorStats stats_;
};

Result<std::shared_ptr<Communicator>> make(const CommunicatorOptions& options) {
  const auto world = World::open(std::max(options.warm_up_timeout, options.timeout));
  if (!world) return world.status();
  auto group = Group::create(**world, options);
  if (!group) return group.status();
  return std::shared_ptr<Communicator>(std::make_shared<MpiCommunicator>(std::move(*group)));
}

}  // namespace
}  // namespace fvattn::mpi

extern "C" __attribute__((visibility("default"))) void fvattn_mpi_communicator_1(
    const fvattn::CommunicatorOptions& options, fvattn::Result<std::shared_ptr<fvattn::Communicator>>& made) {
  try {
    made = fvattn::mpi::make(options);
  } catch (const std::exception& error) {
    made = fvattn::Status::error(fvattn::Code::internal, error.what());
  }
}
