// The nccl transport's device on the CPU: messages go through mailboxes that all ranks see.
#pragma once

#include "core/distributed/group.hpp"

#include "distributed/nccl/communicator.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

namespace fvattn::test {

/// In order for each pair of ranks, as NCCL's messages are.
class Mailboxes {
 public:
  void send(int from, int to, std::vector<std::byte> message) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to}].push_back(std::move(message));
    change_.notify_all();
  }
  /// Empty after the limit.
  std::vector<std::byte> receive(int from, int to, std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    auto& box = boxes_[{from, to}];
    if (!change_.wait_for(lock, limit, [&] { return !box.empty(); })) return {};
    std::vector<std::byte> message = std::move(box.front());
    box.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> boxes_;
};

class MailDevice final : public nccl::Device {
 public:
  MailDevice(std::shared_ptr<Mailboxes> mail, int rank) : mail_(std::move(mail)), rank_(rank) {}

  int number() const override { return -1; }
  Result<std::byte*> staging(int64_t bytes) override {
    if (staging_.size() < static_cast<size_t>(bytes)) staging_.resize(static_cast<size_t>(bytes));
    return staging_.data();
  }
  Status run(const nccl::Plan& plan, const std::string& operation, std::chrono::milliseconds limit, void*) override {
    copy(plan.kept);
    copy(plan.packs);
    for (const nccl::Message& m : plan.sends) mail_->send(rank_, m.peer, {m.data, m.data + m.bytes});
    for (const nccl::Message& m : plan.receives) {
      const auto message = mail_->receive(m.peer, rank_, limit);
      if (message.size() != static_cast<size_t>(m.bytes)) {
        stop(Status::error(Code::unavailable, "no such message in " + operation));
        return trouble();
      }
      std::memcpy(m.data, message.data(), message.size());
    }
    copy(plan.unpacks);
    return {};
  }
  Status trouble() const override {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }
  void stop(const Status& reason) override {
    const std::lock_guard lock(mutex_);
    if (trouble_.ok()) trouble_ = reason;
  }

 private:
  static void copy(const std::vector<peer::Job>& jobs) {
    for (const peer::Job& job : jobs) peer::copy_part(job, 0, 0, 1, 0, 1);
  }

  const std::shared_ptr<Mailboxes> mail_;
  const int rank_;
  std::vector<std::byte> staging_;
  mutable std::mutex mutex_;
  Status trouble_;
};

inline Group make_mail_group(int size, const CommunicatorOptions& limits = {}) {
  const auto mail = std::make_shared<Mailboxes>();
  Group group;
  for (const auto& bootstrap : make_thread_communicators(size, limits))
    group.push_back(nccl::make_communicator(bootstrap, std::make_unique<MailDevice>(mail, bootstrap->rank()), limits));
  return group;
}

}  // namespace fvattn::test
