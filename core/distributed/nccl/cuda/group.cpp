#include "group.hpp"

#include <thread>

namespace fvattn::nccl {
namespace {

bool is_fine(ncclResult_t result) { return result == ncclSuccess || result == ncclInProgress; }

const Status kEnded = Status::error(Code::unavailable, "the NCCL communicator has been ended");

}  // namespace

Group::~Group() { abort(); }

Status Group::error(const char* what, ncclResult_t result) const {
  std::string words = f_.error_string(result);
  if (const char* last = f_.last_error(comm_); last != nullptr && *last != '\0') words.append(": ").append(last);
  return Status::error(Code::unavailable, "rank " + std::to_string(rank_) + ": NCCL: " + what + " failed", words, {},
                       "NCCL_DEBUG=INFO says more");
}

Status Group::settle(const char* what, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (comm_ == nullptr) return kEnded;
      ncclResult_t result = ncclSuccess;
      if (const ncclResult_t asked = f_.async_error(comm_, &result); asked != ncclSuccess) return error(what, asked);
      if (result == ncclSuccess) return {};
      if (result != ncclInProgress) return error(what, result);
    }
    const auto waited = Clock::now() - start;
    if (waited > limit)
      return Status::error(Code::unavailable, "rank " + std::to_string(rank_) + " waited " + std::to_string(limit.count()) +
                                                  " ms for the other ranks in NCCL's " + what);
    if (waited < std::chrono::milliseconds(1)) std::this_thread::yield();
    else std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

Status Group::connect(const ncclUniqueId& id, std::chrono::milliseconds limit) {
  {
    const std::lock_guard lock(mutex_);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    if (const ncclResult_t result = f_.init(&comm_, size_, id, rank_, &config); !is_fine(result))
      return error("ncclCommInitRankConfig", result);
  }
  return settle("start", limit);
}

Status Group::exchange(const Plan& plan, cudaStream_t stream, std::chrono::milliseconds limit) {
  if (plan.sends.empty() && plan.receives.empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (comm_ == nullptr) return kEnded;
    ncclResult_t first_error = ncclSuccess;
    const auto note = [&](ncclResult_t result) {
      if (!is_fine(result) && first_error == ncclSuccess) first_error = result;
    };
    note(f_.group_start());
    for (const Message& m : plan.sends)
      note(f_.send(m.data, static_cast<size_t>(m.bytes), ncclInt8, m.peer, comm_, stream));
    for (const Message& m : plan.receives)
      note(f_.receive(m.data, static_cast<size_t>(m.bytes), ncclInt8, m.peer, comm_, stream));
    note(f_.group_end());
    if (first_error != ncclSuccess) return error("a group of messages", first_error);
  }
  return settle("group of messages", limit);
}

Status Group::trouble() {
  const std::lock_guard lock(mutex_);
  ncclResult_t result = ncclSuccess;
  if (comm_ == nullptr || f_.async_error(comm_, &result) != ncclSuccess || is_fine(result)) return {};
  return error("what was queued", result);
}

void Group::abort() {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) return;
  f_.abort(comm_);
  comm_ = nullptr;
}

void Group::close(std::chrono::milliseconds limit) {
  {
    const std::lock_guard lock(mutex_);
    if (comm_ == nullptr || !is_fine(f_.finalize(comm_))) return;
  }
  if (!settle("end", limit).ok()) return;
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) return;
  f_.destroy(comm_);
  comm_ = nullptr;
}

}  // namespace fvattn::nccl
