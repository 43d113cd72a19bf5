// The communicator of one rank.
#include <fvattn/distributed/transport.hpp>

#include <mutex>

namespace fvattn {
namespace {

class LocalCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  const std::string& name() const override {
    static const std::string name = "local";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return true; }  // layers hand it nothing to move

  Status exchange(const Exchange& exchange) override {
    const std::lock_guard lock(mutex_);
    if (Status status = aborted(); !status.ok()) return status;
    if (Status status = check_transfers(exchange, 0, 1); !status.ok()) return status;
    for (const Transfer& t : exchange.transfers)
      stats_.bytes_local += static_cast<uint64_t>(
          copy_block(block_between(t.pattern, t.sequence, t.heads, 0, 0), t.source, t.target));
    ++stats_.exchanges;
    return {};
  }
  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const std::lock_guard lock(mutex_);
    if (Status status = aborted(); !status.ok()) return status;
    return std::vector<Contract>{mine};
  }
  Status barrier() override {
    const std::lock_guard lock(mutex_);
    return aborted();
  }
  void abort(const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    if (reason_.empty()) reason_ = "rank 0 aborted: " + reason;
  }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  Status aborted() const { return reason_.empty() ? Status() : Status::error(Code::failed_precondition, reason_); }

  mutable std::mutex mutex_;
  CommunicatorStats stats_;
  std::string reason_;
};

}  // namespace

std::shared_ptr<Communicator> make_local_communicator() { return std::make_shared<LocalCommunicator>(); }

}  // namespace fvattn
