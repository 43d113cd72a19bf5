#include "communicator.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>
#include <mutex>
#include <set>
#include <span>
#include <utility>

namespace fvattn::nccl {
namespace {

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<Communicator> bootstrap, std::unique_ptr<Device> device,
                   const CommunicatorOptions& limits)
      : bootstrap_(std::move(bootstrap)), device_(std::move(device)), limits_(limits) {}

  int rank() const override { return bootstrap_->rank(); }
  int size() const override { return bootstrap_->size(); }
  const std::string& name() const override {
    static const std::string name = "nccl";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return device_->number() >= 0; }

  Status exchange(const Exchange& exchange) override {
    if (Status status = check(exchange); !status.ok()) {  // the others wait for this rank: they get to know why
      abort(status.text());
      return status;
    }
    if (Status status = agree_on(exchange); !status.ok()) return status;
    auto plan = prepare(exchange);
    if (!plan) return end(plan.status());
    const auto limit = std::exchange(first_, false) ? std::max(limits_.warm_up_timeout, limits_.timeout) : limits_.timeout;
    if (Status status = device_->run(*plan, exchange.name, limit, exchange.stream); !status.ok()) return end(status);
    const std::lock_guard lock(mutex_);
    ++stats_.exchanges;
    for (const peer::Job& job : plan->kept) stats_.bytes_local += static_cast<uint64_t>(job.batches * job.rows * job.bytes);
    for (const Message& message : plan->receives) stats_.bytes_remote += static_cast<uint64_t>(message.bytes);
    stats_.copies += plan->passes;
    return {};
  }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    if (Status status = device_->trouble(); !status.ok()) return end(status);
    return bootstrap_->gather_contracts(mine);
  }
  Status barrier() override {
    if (Status status = device_->trouble(); !status.ok()) return end(status);
    return bootstrap_->barrier();
  }
  void abort(const std::string& reason) override {
    bootstrap_->abort(reason);
    device_->stop(Status::error(Code::unavailable, "rank " + std::to_string(rank()) + " aborted: " + reason));
  }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    CommunicatorStats stats = stats_;
    stats.waits_us = bootstrap_->stats().waits_us;
    return stats;
  }

 private:
  Status check(const Exchange& exchange) {
    if (exchange.device != device_->number())
      return Status::error(Code::invalid_argument, exchange.name + ": the tensors are on another device than this rank's",
                           std::to_string(exchange.device), std::to_string(device_->number()));
    return check_transfers(exchange, rank(), size());
  }

  // The reason is the same for all that comes after it, and the others hear it in their next word with each other.
  Status end(const Status& status) {
    bootstrap_->abort(status.text());
    device_->stop(status);
    return status;
  }

  // What all agreed on once needs no word of the host again.
  Status agree_on(const Exchange& exchange) {
    if (Status status = device_->trouble(); !status.ok()) return end(status);
    const std::string operation = describe(exchange);
    const uint64_t hash = hash_bytes(std::as_bytes(std::span(operation)));
    if (agreed_.contains(hash)) return {};
    Contract contract;
    contract.add("operation", operation, false);
    const auto all = bootstrap_->gather_contracts(contract);
    if (!all) return end(all.status());
    std::vector<std::string> operations;
    for (const Contract& c : *all) operations.push_back(c.value("operation").empty() ? "agree" : c.value("operation"));
    if (Status status = check_same_operation(operations); !status.ok()) return end(status);
    agreed_.insert(hash);
    return {};
  }

  Result<Plan> prepare(const Exchange& exchange) {
    const int64_t bytes = plan_of(exchange, rank(), size(), nullptr).staging_bytes;
    const auto staging = device_->staging(bytes);
    if (!staging) return staging.status();
    return plan_of(exchange, rank(), size(), *staging);
  }

  const std::shared_ptr<Communicator> bootstrap_;
  const std::unique_ptr<Device> device_;
  const CommunicatorOptions limits_;
  std::set<uint64_t> agreed_;
  bool first_ = true;
  mutable std::mutex mutex_;  // of stats_
  CommunicatorStats stats_;
};

}  // namespace

std::shared_ptr<Communicator> make_communicator(std::shared_ptr<Communicator> bootstrap, std::unique_ptr<Device> device,
                                                const CommunicatorOptions& limits) {
  return std::make_shared<NcclCommunicator>(std::move(bootstrap), std::move(device), limits);
}

}  // namespace fvattn::nccl
