#include "watch.hpp"

#include <utility>

namespace fvattn::nccl {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{2};

}  // namespace

Watch::Watch(int rank, Reflexes reflexes)
    : rank_(rank), reflexes_(std::move(reflexes)), thread_([this] { watch(); }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  change_.notify_all();
  thread_.join();
}

void Watch::add(Operation operation) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    operations_.push_back(std::move(operation));
  }
  change_.notify_all();
}

void Watch::fail(const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
    operations_.clear();
  }
  change_.notify_all();
  reflexes_.kill();
}

Status Watch::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool Watch::wait_until_idle(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return change_.wait_for(lock, limit, [&] { return operations_.empty(); }) && failure_.ok();
}

Status Watch::look() {
  if (Status status = reflexes_.trouble(); !status.ok()) return status;
  std::unique_lock lock(mutex_);
  while (!operations_.empty()) {
    const Operation first = operations_.front();
    lock.unlock();
    const Progress progress = first.progress();
    lock.lock();
    if (operations_.empty()) break;  // failed meanwhile
    if (progress == Progress::done) {
      operations_.pop_front();
      runs_ = false;
      change_.notify_all();
      continue;
    }
    if (progress == Progress::queued) break;
    if (!std::exchange(runs_, true)) running_since_ = Clock::now();
    if (Clock::now() - running_since_ < first.limit) break;
    return Status::error(Code::unavailable,
                         "rank " + std::to_string(rank_) + " waited " + std::to_string(first.limit.count()) + " ms in " +
                             first.name + " for messages of other ranks",
                         {}, {}, "see what those ranks do; a longer timeout is an option of the communicator");
  }
  return {};
}

void Watch::watch() {
  std::unique_lock lock(mutex_);
  for (;;) {
    change_.wait(lock, [&] { return ends_ || !operations_.empty(); });
    if (ends_) return;
    lock.unlock();
    if (const Status status = look(); !status.ok()) fail(status);
    lock.lock();
    change_.wait_for(lock, kBetweenLooks, [&] { return ends_; });
  }
}

}  // namespace fvattn::nccl
