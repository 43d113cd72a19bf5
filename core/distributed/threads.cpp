// Ranks that are threads of one process: each reads what it needs from the others' tensors.
#include "rendezvous.hpp"

#include <fvattn/distributed/transport.hpp>

namespace fvattn {
namespace {

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Rendezvous> rendezvous, int rank)
      : rendezvous_(std::move(rendezvous)), rank_(rank) {}
  ~ThreadCommunicator() override { rendezvous_->leave(rank_); }

  int rank() const override { return rank_; }
  int size() const override { return rendezvous_->size(); }
  const std::string& name() const override {
    static const std::string name = "threads";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return false; }

  Status exchange(const Exchange& exchange) override {
    // The others wait for this rank: they get to know why it does not come.
    if (Status status = check_transfers(exchange, rank_, size()); !status.ok()) {
      abort(status.text());
      return status;
    }
    const auto posts = meet({describe(exchange), exchange, {}});
    if (!posts) return posts.status();
    uint64_t remote = 0, local = 0;
    // Ranks start at different peers, so that they do not all read one rank's memory at once.
    for (int i = 0; i < size(); ++i) {
      const int source = (rank_ + i) % size();
      const Exchange& theirs = (**posts)[static_cast<size_t>(source)]->exchange;
      for (size_t t = 0; t < exchange.transfers.size(); ++t) {
        const Transfer& mine = exchange.transfers[t];
        const Block block = block_between(mine.pattern, mine.sequence, mine.heads, source, rank_);
        (source == rank_ ? local : remote) +=
            static_cast<uint64_t>(copy_block(block, theirs.transfers[t].source, mine.target));
      }
    }
    if (const auto end = meet({"the end of " + exchange.name, {}, {}}); !end) return end.status();
    const std::lock_guard lock(mutex_);
    ++stats_.exchanges;
    stats_.bytes_remote += remote;
    stats_.bytes_local += local;
    return {};
  }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const auto posts = meet({"agree", {}, mine});
    if (!posts) return posts.status();
    std::vector<Contract> all;
    for (const auto& post : **posts) all.push_back(post->contract);
    return all;
  }

  Status barrier() override { return meet({"barrier", {}, {}}).status(); }
  void abort(const std::string& reason) override { rendezvous_->abort(rank_, reason); }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  Result<Posts> meet(Post post) {
    std::chrono::microseconds waited{0};
    auto posts = rendezvous_->meet(rank_, std::move(post), waited);
    const std::lock_guard lock(mutex_);
    stats_.waits_us += static_cast<uint64_t>(waited.count());
    return posts;
  }

  const std::shared_ptr<Rendezvous> rendezvous_;
  const int rank_;
  mutable std::mutex mutex_;  // of stats_, which any thread may read
  CommunicatorStats stats_;
};

}  // namespace

std::vector<std::shared_ptr<Communicator>> make_thread_communicators(int size, const CommunicatorOptions& options) {
  if (size < 1)
    throw Error(Status::error(Code::invalid_argument, "a group needs ranks", std::to_string(size), "1 and more"));
  const auto rendezvous = std::make_shared<Rendezvous>(size, options);
  std::vector<std::shared_ptr<Communicator>> ranks;
  for (int r = 0; r < size; ++r) ranks.push_back(std::make_shared<ThreadCommunicator>(rendezvous, r));
  return ranks;
}

}  // namespace fvattn
