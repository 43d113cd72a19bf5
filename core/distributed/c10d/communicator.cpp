// Ranks that are a torch process group: agreement by small all-gathers, tensors by all-to-alls.
#include "group.hpp"

#include <fvattn/distributed/transport.hpp>
#include <fvattn/torch/process_group.hpp>

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>

#include <algorithm>
#include <cstring>
#include <random>

namespace fvattn {
namespace c10d_transport {
namespace {

using Clock = std::chrono::steady_clock;

/// What ranks compare before each operation.
struct Header {
  uint64_t operation = 0;                         // hash of its text
  uint64_t text_bytes = 0, payload_bytes = 0;
};

std::string padded(std::string bytes, uint64_t size) {
  bytes.resize(size);
  return bytes;
}

class GroupCommunicator final : public Communicator {
 public:
  GroupCommunicator(Group group, int rank, int size, std::unique_ptr<Watch> watch, const CommunicatorOptions& options)
      : group_(std::move(group)), rank_(rank), size_(size), options_(options), watch_(std::move(watch)) {}
  ~GroupCommunicator() override {
    if (failure_.ok() && size_ > 1) watch_->post_left(operations_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const std::string& name() const override {
    static const std::string name = "c10d";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return group_.moves(at::kCUDA); }

  Status exchange(const Exchange& exchange) override {
    const auto device = exchange.device < 0 ? at::kCPU : at::kCUDA;
    Status status = check_transfers(exchange, rank_, size_);
    if (status.ok() && !group_.moves(device))
      status = Status::error(Code::invalid_argument, "the process group has no backend for these tensors",
                             c10::DeviceTypeName(device, true));
    if (!status.ok()) {  // the others wait for this rank: they get to know why it does not come
      abort(status.text());
      return status;
    }
    const auto waiting = next(describe(exchange));
    if (const auto met = meet(waiting, {}); !met) return met.status();
    std::vector<Message> messages;
    CommunicatorStats did;
    for (const Transfer& transfer : exchange.transfers) {
      messages.emplace_back(transfer, exchange, rank_, size_);
      for (int r = 0; r < size_; ++r)
        (r == rank_ ? did.bytes_local : did.bytes_remote) +=
            static_cast<uint64_t>(messages.back().receive_sizes[static_cast<size_t>(r)]);
      did.copies += messages.back().copies();
    }
    if (status = group_.all_to_all(messages, *watch_, waiting); !status.ok()) return stop(std::move(status));
    const std::lock_guard lock(mutex_);
    ++stats_.exchanges;
    stats_.bytes_remote += did.bytes_remote;
    stats_.bytes_local += did.bytes_local;
    stats_.copies += did.copies;
    return {};
  }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const auto payloads = meet(next("agree"), to_bytes(mine));
    if (!payloads) return payloads.status();
    std::vector<Contract> all;
    for (const std::string& payload : *payloads) {
      auto contract = contract_from_bytes(payload);
      if (!contract) return contract.status();
      all.push_back(std::move(*contract));
    }
    return all;
  }

  Status barrier() override { return meet(next("barrier"), {}).status(); }
  void abort(const std::string& reason) override {
    const std::string stays = watch_->post_abort("rank " + std::to_string(rank_) + " aborted: " + reason);
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = Status::error(Code::unavailable, stays);
  }
  CommunicatorStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  bool is_of(const c10::intrusive_ptr<::c10d::ProcessGroup>& group) const { return group_.lock() == group; }

 private:
  Waiting next(std::string operation) {
    const uint64_t index = operations_++;
    const auto limit = index == 0 ? std::max(options_.warm_up_timeout, options_.timeout) : options_.timeout;
    return {std::move(operation), index, limit};
  }

  // After an error all operations fail with it, on all ranks.
  Status stop(Status status) {
    watch_->post_abort(status.text());
    watch_->let_others_look();
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
    return failure_;
  }

  // The payloads of all ranks once all have come for the same operation.
  Result<std::vector<std::string>> meet(const Waiting& waiting, const std::string& payload) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_.ok()) return failure_;
    }
    const auto start = Clock::now();
    auto result = gather(waiting, payload);
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    if (!result) return stop(result.status());
    const std::lock_guard lock(mutex_);
    stats_.waits_us += static_cast<uint64_t>(waited.count());
    return result;
  }

  Result<std::vector<std::string>> gather(const Waiting& waiting, const std::string& payload) {
    const std::string& text = waiting.operation;
    const Header mine{hash_bytes(std::as_bytes(std::span(text))), text.size(), payload.size()};
    const auto headers =
        group_.all_gather(std::string(reinterpret_cast<const char*>(&mine), sizeof mine), *watch_, waiting);
    if (!headers) return headers.status();
    Header most;
    std::vector<Header> all(headers->size());
    bool same = true;
    for (size_t r = 0; r < all.size(); ++r) {
      std::memcpy(&all[r], (*headers)[r].data(), sizeof(Header));
      most.text_bytes = std::max(most.text_bytes, all[r].text_bytes);
      most.payload_bytes = std::max(most.payload_bytes, all[r].payload_bytes);
      same = same && all[r].operation == mine.operation;
    }
    if (!same) {
      auto texts = group_.all_gather(padded(text, most.text_bytes), *watch_, waiting);
      if (!texts) return texts.status();
      for (size_t r = 0; r < all.size(); ++r) (*texts)[r].resize(all[r].text_bytes);
      return check_same_operation(*texts);
    }
    if (most.payload_bytes == 0) return std::vector<std::string>(all.size());
    auto payloads = group_.all_gather(padded(payload, most.payload_bytes), *watch_, waiting);
    if (!payloads) return payloads.status();
    for (size_t r = 0; r < all.size(); ++r) (*payloads)[r].resize(all[r].payload_bytes);
    return payloads;
  }

  const Group group_;
  const int rank_, size_;
  const CommunicatorOptions options_;
  const std::unique_ptr<Watch> watch_;
  uint64_t operations_ = 0;  // begun
  mutable std::mutex mutex_;
  CommunicatorStats stats_;
  Status failure_;
};

// Identities of all processes, and a name that no other communicator of the group has.
Result<std::unique_ptr<Watch>> make_watch(const Group& group, ::c10d::ProcessGroup& pg, const CommunicatorOptions& options) {
  constexpr uint64_t kBytes = 256;
  const auto store = pg.getStore() ? pg.getStore()->clone() : nullptr;
  Watch blind(nullptr, "", pg.getRank(), pg.getSize(), {});
  const std::string nonce = std::to_string(std::random_device{}());
  const auto all = group.all_gather(padded(process_identity() + "\n" + nonce, kBytes), blind,
                                    {"the start of distributed attention", 0,
                                     std::max(options.warm_up_timeout, options.timeout)});
  if (!all) return all.status();
  std::vector<std::string> processes;
  for (const std::string& text : *all) processes.push_back(text.substr(0, text.find('\n')));
  const std::string first = all->front().c_str();
  return std::make_unique<Watch>(store, "fvattn/" + first.substr(first.find('\n') + 1) + "/", pg.getRank(), pg.getSize(),
                                 std::move(processes));
}

c10::intrusive_ptr<::c10d::ProcessGroup> resolve(const std::string& name) {
  try {
    return ::c10d::resolve_process_group(name);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace
}  // namespace c10d_transport

std::shared_ptr<Communicator> make_process_group_communicator(const std::string& group_name,
                                                              const CommunicatorOptions& options) {
  using namespace c10d_transport;
  const auto pg = resolve(group_name);
  if (!pg)
    throw Error(Status::error(Code::invalid_argument, "no process group is registered under that name", group_name,
                              "ProcessGroup.group_name of a group of torch.distributed",
                              "call torch.distributed.init_process_group first, on every rank"));
  Group group(pg);
  if (!group.moves(at::kCPU) && !group.moves(at::kCUDA))
    throw Error(Status::error(Code::invalid_argument, "the process group has no backend for cpu or cuda", group_name));
  auto watch = make_watch(group, *pg, options);
  if (!watch) throw Error(watch.status());
  return std::make_shared<GroupCommunicator>(std::move(group), pg->getRank(), pg->getSize(), std::move(*watch), options);
}

bool is_current_process_group(const Communicator& communicator, const std::string& group_name) {
  using namespace c10d_transport;
  const auto* mine = dynamic_cast<const GroupCommunicator*>(&communicator);
  const auto pg = resolve(group_name);
  return mine != nullptr && pg && mine->is_of(pg);
}

}  // namespace fvattn
