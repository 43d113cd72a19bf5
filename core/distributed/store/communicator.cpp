// Agreement over a store: every operation, each rank sets a key of its own and reads those of all.
#include "store.hpp"

#include "../c10d/watch.hpp"

#include <fvattn/distributed/transport.hpp>
#include <fvattn/torch/store_communicator.hpp>

#include <algorithm>
#include <mutex>

namespace fvattn {
namespace store {
namespace {

using c10d_transport::Waiting;
using c10d_transport::Watch;
using Clock = std::chrono::steady_clock;

class StoreCommunicator final : public Communicator {
 public:
  StoreCommunicator(c10::intrusive_ptr<::c10d::Store> store, const Launch& launch, const CommunicatorOptions& options)
      : store_(std::move(store)),
        prefix_(next_prefix()),
        rank_(launch.rank),
        size_(launch.size),
        options_(options),
        watch_(std::make_unique<Watch>(store_, prefix_, rank_, size_, std::vector<std::string>())) {}
  ~StoreCommunicator() override {
    if (failure_.ok()) watch_->post_left(operations_);
  }

  /// From here on a rank that ends is missed at once.
  Status start() {
    const auto processes = meet("the start of distributed attention", process_identity());
    if (!processes) return processes.status();
    watch_ = std::make_unique<Watch>(store_, prefix_, rank_, size_, *processes);
    return {};
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const std::string& name() const override {
    static const std::string name = "store";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return false; }

  Status exchange(const Exchange& exchange) override {
    Status status = Status::error(Code::unimplemented, exchange.name + ": a store moves no tensors", {}, {},
                                  "open a transport over it (open_transport)");
    abort(status.text());
    return status;
  }
  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const auto payloads = meet("agree", to_bytes(mine));
    if (!payloads) return payloads.status();
    std::vector<Contract> all;
    for (const std::string& payload : *payloads) {
      auto contract = contract_from_bytes(payload);
      if (!contract) return contract.status();
      all.push_back(std::move(*contract));
    }
    return all;
  }
  Status barrier() override { return meet("barrier", {}).status(); }
  void abort(const std::string& reason) override {
    const std::string stays = watch_->post_abort("rank " + std::to_string(rank_) + " aborted: " + reason);
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = Status::error(Code::unavailable, stays);
  }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  // The payloads of all ranks, once all have come for the same operation.
  Result<std::vector<std::string>> meet(const std::string& operation, const std::string& payload) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_.ok()) return failure_;
    }
    const uint64_t index = operations_++;
    const Waiting waiting{operation, index,
                          index == 0 ? std::max(options_.warm_up_timeout, options_.timeout) : options_.timeout};
    const auto start = Clock::now();
    auto result = gather(waiting, payload);
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    if (!result) return stop(result.status());
    const std::lock_guard lock(mutex_);
    stats_.waits_us += static_cast<uint64_t>(waited.count());
    return result;
  }

  // After an error all operations fail with it, on all ranks.
  Status stop(Status status) {
    watch_->post_abort(status.text());
    watch_->let_others_look();
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
    return failure_;
  }

  std::string key(uint64_t index, int rank) const {
    return prefix_ + "at/" + std::to_string(index) + "/" + std::to_string(rank);
  }

  Result<std::vector<std::string>> gather(const Waiting& waiting, const std::string& payload) {
    try {
      store_->set(key(waiting.index, rank_), waiting.operation + '\n' + payload);
      std::vector<std::string> keys;
      for (int r = 0; r < size_; ++r) keys.push_back(key(waiting.index, r));
      if (Status status = watch_->wait_until([&] { return store_->check(keys); }, waiting); !status.ok()) return status;
      std::vector<std::string> operations, payloads;
      for (const std::string& one : keys) {
        const std::string text = store_->get_to_str(one);
        const size_t end = text.find('\n');
        operations.push_back(text.substr(0, end));
        payloads.push_back(text.substr(end + 1));
      }
      if (Status status = check_same_operation(operations); !status.ok()) return status;
      // Who came to this one has read all of the one before.
      if (waiting.index > 0) store_->deleteKey(key(waiting.index - 1, rank_));
      return payloads;
    } catch (const std::exception& error) {
      return watch_->blame(error.what(), waiting);
    }
  }

  const c10::intrusive_ptr<::c10d::Store> store_;
  const std::string prefix_;
  const int rank_, size_;
  const CommunicatorOptions options_;
  std::unique_ptr<Watch> watch_;
  uint64_t operations_ = 0;  // begun
  mutable std::mutex mutex_;
  CommunicatorStats stats_;
  Status failure_;
};

}  // namespace
}  // namespace store

Result<std::shared_ptr<Communicator>> make_store_communicator(const Launch& launch, const CommunicatorOptions& options) {
  const auto store = store::store_of(launch, options.warm_up_timeout);
  if (!store) return store.status();
  auto made = std::make_shared<store::StoreCommunicator>(*store, launch, options);
  if (Status status = made->start(); !status.ok()) return status;
  return std::shared_ptr<Communicator>(std::move(made));
}

}  // namespace fvattn
