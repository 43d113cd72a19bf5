#include "communicator.hpp"

#include "plan.hpp"
#include "workspace.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>
#include <mutex>
#include <set>
#include <span>
#include <utility>

namespace fvattn::peer {
namespace {

// Layouts as the text of a contract, for ranks that share addresses.
std::string text_of(const std::vector<Layout>& layouts) {
  return {reinterpret_cast<const char*>(layouts.data()), layouts.size() * sizeof(Layout)};
}
std::vector<Layout> layouts_of(const std::string& text) {
  std::vector<Layout> layouts(text.size() / sizeof(Layout));
  text.copy(reinterpret_cast<char*>(layouts.data()), text.size());
  return layouts;
}

// What a rank keeps is a push of its own from so many bytes on: it can run beside the others, which wait for links.
constexpr int64_t kBeside = int64_t{4} << 20;
// No link limits the way out of a slot: a block for each multiprocessor of the largest Hopper.
constexpr int kCopyOutWriters = 132;

// A rank that was given up on may still store into these when it comes late: they are never given back.
void keep_for_ever(const std::shared_ptr<const void>& owner) {
  static std::mutex mutex;
  static auto* kept = new std::vector<std::shared_ptr<const void>>;
  const std::lock_guard lock(mutex);
  if (owner != nullptr) kept->push_back(owner);
}

class PeerCommunicator final : public Communicator {
 public:
  PeerCommunicator(std::shared_ptr<Communicator> bootstrap, std::unique_ptr<Device> device, const Options& options)
      : bootstrap_(std::move(bootstrap)),
        device_(std::move(device)),
        options_(options),
        // Copy engines cannot ask for the epoch: the slot that they write to is always the same.
        shape_{bootstrap_->size(), options.writers, options.shares_addresses || options.copy_engines ? 1 : 2,
               options.shares_addresses || options.copy_engines},
        workspace_(*bootstrap_, *device_, shape_.slots) {}

  ~PeerCommunicator() override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) workspace_.keep_for_ever();
  }
  Status start() { return workspace_.make_flags(options_.writers); }

  int rank() const override { return bootstrap_->rank(); }
  int size() const override { return bootstrap_->size(); }
  const std::string& name() const override {
    static const std::string peer = "peer", ce = "ce";
    return options_.copy_engines ? ce : peer;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return device_->number() >= 0; }
  bool can_be_captured() const override { return true; }

  Status exchange(const Exchange& exchange) override {
    Status status = check(exchange);
    if (!status.ok()) {  // the others wait for this rank: they get to know why it does not come
      abort(status.text());
      return status;
    }
    auto work = prepare(exchange);
    if (!work) return work.status();
    if (status = device_->run(*work, exchange.stream); !status.ok()) {
      if (options_.shares_addresses) keep_for_ever(exchange.owner);
      return lost(exchange.name, std::move(status));
    }
    const std::lock_guard lock(mutex_);
    ++stats_.exchanges;
    for (int source = 0; source < size(); ++source)
      (source == rank() ? stats_.bytes_local : stats_.bytes_remote) +=
          static_cast<uint64_t>(bytes_between(exchange, source, rank()));
    for (const CopyOut& copy : work->copies) stats_.copies += static_cast<uint64_t>(copy.count);
    return {};
  }

  bool lends() const override { return !options_.shares_addresses && lends_; }
  Result<std::vector<std::byte*>> lend(const Exchange& exchange) override {
    const std::vector<std::byte*> nothing;
    if (!lends()) return nothing;
    if (Status status = lost(exchange.name); !status.ok()) return status;
    std::string operation = describe(exchange) + ", into lent memory, spare rows";
    for (const Transfer& t : exchange.transfers) operation += " " + std::to_string(t.spare_rows);
    const uint64_t hash = hash_bytes(std::as_bytes(std::span(operation)));
    Landing landing = landing_of(exchange, size(), true);
    if (landing.bytes == 0) return nothing;
    if (!agreed_.contains(hash)) {
      if (const auto found = agree_on(operation, exchange); !found) return found.status();
      if (landing.bytes > workspace_.lent_bytes()) {
        if (Status status = device_->finish(exchange.stream); !status.ok()) return lost(exchange.name, std::move(status));
        lends_ = workspace_.grow_lent(landing.bytes).ok();  // the same on all ranks
        if (!lends_) return nothing;
      }
      agreed_.insert(hash);
    }
    for (int r = 0; r < size(); ++r) move_to(landing.targets[static_cast<size_t>(r)], workspace_.lent(r));
    lent_ = std::move(landing.targets);
    std::vector<std::byte*> mine;
    for (const Layout& layout : lent_[static_cast<size_t>(rank())]) mine.push_back(layout.data);
    return mine;
  }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    if (Status status = lost("agree"); !status.ok()) return status;
    return bootstrap_->gather_contracts(mine);
  }
  Status barrier() override {
    if (Status status = lost("barrier"); !status.ok()) return status;
    return bootstrap_->barrier();
  }
  void abort(const std::string& reason) override {
    bootstrap_->abort(reason);
    device_->stop();
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
    if (exchange.transfers.size() > static_cast<size_t>(kMostJobs))
      return Status::error(Code::invalid_argument, exchange.name + ": too many tensors at once",
                           std::to_string(exchange.transfers.size()), std::to_string(kMostJobs) + " at most");
    return check_transfers(exchange, rank(), size());
  }

  // A rank that a wait gave up on, now or in what was queued before.
  Status lost(const std::string& operation, Status otherwise = {}) {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    if (device_->lost() >= 0)
      failure_ = Status::error(Code::unavailable, "rank " + std::to_string(rank()) + " waited " +
                                                      std::to_string(options_.limits.timeout.count()) + " ms in " +
                                                      operation + " or before it for the stores of rank " +
                                                      std::to_string(device_->lost()));
    if (failure_.ok() && !otherwise.ok()) failure_ = std::move(otherwise);
    if (!failure_.ok()) bootstrap_->abort(failure_.text());
    return failure_;
  }

  Result<Work> prepare(const Exchange& exchange) {
    if (Status status = lost(exchange.name); !status.ok()) return status;
    const std::string operation = describe(exchange);
    const uint64_t hash = hash_bytes(std::as_bytes(std::span(operation)));
    std::vector<std::vector<Layout>> targets;
    if (options_.shares_addresses) {
      if (Status status = device_->prepare(exchange.stream); !status.ok()) return lost(exchange.name, std::move(status));
      auto found = agree_on(operation, exchange);
      if (!found) return found.status();
      targets = std::move(*found);
    } else if (is_lent(exchange)) {
      return work_of(exchange, lent_, true);
    } else {
      const Landing landing = landing_of(exchange, size());
      // What all agreed on once needs no word of the host again; then the exchange can be recorded in a graph.
      if (!agreed_.contains(hash)) {
        if (const auto found = agree_on(operation, exchange); !found) return found.status();
        if (landing.bytes > workspace_.slot_bytes()) {
          if (Status status = device_->finish(exchange.stream); !status.ok()) return lost(exchange.name, std::move(status));
          if (Status status = workspace_.grow_slots(landing.bytes); !status.ok()) return status;
        }
        agreed_.insert(hash);
      }
      targets = landing.targets;
      for (int r = 0; r < size(); ++r) move_to(targets[static_cast<size_t>(r)], workspace_.slots(r));
    }
    return work_of(exchange, targets, options_.shares_addresses);
  }

  // Layouts whose data is an offset.
  static void move_to(std::vector<Layout>& layouts, std::byte* memory) {
    for (Layout& layout : layouts) layout.data = memory + reinterpret_cast<intptr_t>(layout.data);
  }
  // Are these the targets that the latest lend() gave?
  bool is_lent(const Exchange& exchange) const {
    if (!lends_ || lent_.empty() || lent_[0].size() != exchange.transfers.size()) return false;
    const auto& mine = lent_[static_cast<size_t>(rank())];
    return std::equal(mine.begin(), mine.end(), exchange.transfers.begin(),
                      [](const Layout& own, const Transfer& given) { return own.data == given.target.data; });
  }

  // Everyone's targets, if all came for the same.
  Result<std::vector<std::vector<Layout>>> agree_on(const std::string& operation, const Exchange& exchange) {
    std::vector<Layout> mine;
    for (const Transfer& t : exchange.transfers) mine.push_back(t.target);
    Contract contract;
    contract.add("operation", operation, false);
    contract.add("targets", text_of(mine), false);
    const auto all = bootstrap_->gather_contracts(contract);
    if (!all) return all.status();
    std::vector<std::string> operations;
    std::vector<std::vector<Layout>> targets;
    for (const Contract& c : *all) {
      const bool exchanges = !c.value("operation").empty();
      operations.push_back(exchanges ? c.value("operation") : "agree");
      targets.push_back(layouts_of(c.value("targets")));
    }
    if (Status status = check_same_operation(operations); !status.ok()) return lost(exchange.name, std::move(status));
    return targets;
  }

  // In place: into the tensors themselves, or into what was lent, after a word of each rank that its memory is free.
  Work work_of(const Exchange& exchange, const std::vector<std::vector<Layout>>& targets, bool in_place) {
    Work work;
    work.by_copy_engines = options_.copy_engines;
    work.limit = std::exchange(first_, false) ? std::max(options_.limits.warm_up_timeout, options_.limits.timeout)
                                              : options_.limits.timeout;
    const int64_t slot_bytes = in_place ? 0 : workspace_.slot_bytes();
    slots::Shape shape = shape_;
    if (in_place) shape.slots = 1, shape.entry = true;
    const Jobs all = jobs_of(exchange, rank(), size(), targets, slot_bytes);
    const bool keeps_beside = options_.copy_engines || bytes_between(exchange, rank(), rank()) >= kBeside;
    int used = 0;
    for (size_t i = 0; i < all.peers.size(); ++i) {
      const auto count = static_cast<int>(all.jobs[i].size());
      const bool beside = keeps_beside && all.peers[i] == rank();
      if (work.pushes.empty() || used + count > kMostJobs || beside) {
        work.pushes.push_back(empty_push(shape));
        used = 0;
      }
      Push& push = work.pushes.back();
      push.enters = shape.entry && work.pushes.size() == 1;
      push.peer[push.peers] = all.peers[i];
      std::copy(all.jobs[i].begin(), all.jobs[i].end(), push.jobs + used);
      used += count;
      push.end[push.peers++] = used;
    }
    if (in_place) return work;
    const std::vector<Job> out = copy_out_of(exchange, targets[static_cast<size_t>(rank())], slot_bytes);
    CopyOut copy{shape_, workspace_.epoch(), static_cast<int>(out.size()), {}};
    copy.shape.writers = std::max(shape_.writers, kCopyOutWriters);
    std::copy(out.begin(), out.end(), copy.jobs);
    work.copies.push_back(copy);
    return work;
  }

  Push empty_push(const slots::Shape& shape) const {
    Push push;
    push.shape = shape;
    push.rank = rank();
    for (int r = 0; r < size(); ++r) push.flags[r] = workspace_.flags(r);
    push.epoch = workspace_.epoch();
    return push;
  }

  const std::shared_ptr<Communicator> bootstrap_;
  const std::unique_ptr<Device> device_;
  const Options options_;
  const slots::Shape shape_;
  Workspace workspace_;
  std::set<uint64_t> agreed_;
  bool lends_ = true;                       // until there was no memory for it
  std::vector<std::vector<Layout>> lent_;  // by the latest lend(), of all ranks
  bool first_ = true;
  mutable std::mutex mutex_;
  CommunicatorStats stats_;
  Status failure_;
};

}  // namespace

Result<std::shared_ptr<Communicator>> make_communicator(std::shared_ptr<Communicator> bootstrap,
                                                        std::unique_ptr<Device> device, const Options& options) {
  if (bootstrap->size() > kMostRanks || options.writers < 1)
    return Status::error(Code::invalid_argument, "too many ranks for one machine, or no writers",
                         std::to_string(bootstrap->size()) + " and " + std::to_string(options.writers),
                         "1 to " + std::to_string(kMostRanks) + " ranks, 1 writer and more");
  auto made = std::make_shared<PeerCommunicator>(std::move(bootstrap), std::move(device), options);
  if (Status status = made->start(); !status.ok()) return status;
  return std::shared_ptr<Communicator>(std::move(made));
}

}  // namespace fvattn::peer
