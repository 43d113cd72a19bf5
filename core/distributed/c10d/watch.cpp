#include "watch.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>
#include <thread>

namespace fvattn::c10d_transport {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kFirstLook = 50ms, kLookEvery = 100ms;  // most operations end before the first
constexpr auto kRollCall = 300ms;                     // ranks that wait answer within kLookEvery

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an unknown exception";
  }
}

std::string listed(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) text.append(i == 0 ? "" : ", ").append(std::to_string(ranks[i]));
  return text;
}

Status unavailable(std::string what, std::string hint = {}) {
  return Status::error(Code::unavailable, std::move(what), {}, {}, std::move(hint));
}

}  // namespace

Watch::Watch(c10::intrusive_ptr<::c10d::Store> store, std::string prefix, int rank, int size,
             std::vector<std::string> processes)
    : store_(std::move(store)),
      prefix_(std::move(prefix)),
      rank_(rank),
      size_(size),
      processes_(std::move(processes)) {}

Status Watch::wait(::c10d::Work& work, const Waiting& waiting) {
  if (Status status = wait_until([&] { return work.isCompleted(); }, waiting); !status.ok()) return status;
  if (const auto error = work.exception()) return blame(text_of(error), waiting);
  return {};
}

Status Watch::wait_until(const std::function<bool()>& done, const Waiting& waiting) {
  const auto start = Clock::now();
  auto next_look = start + kFirstLook;
  constexpr int kYields = 32;
  std::chrono::microseconds pause = 10us;
  for (int i = 0; !done(); ++i) {
    const auto now = Clock::now();
    if (now - start > waiting.limit) return late(waiting);
    if (now > next_look) {
      if (Status status = look(waiting); !status.ok()) return status;
      next_look = now + kLookEvery;
    }
    if (i < kYields) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(pause);
      pause = std::min<std::chrono::microseconds>(2 * pause, 1ms);
    }
  }
  return {};
}

Status Watch::look(const Waiting& waiting) {
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    reason = own_abort_;
  }
  if (reason.empty() && check("abort")) reason = get("abort");
  if (!reason.empty()) return unavailable(reason);
  if (const auto [ended, count] = ended_ranks(); count > 0)
    return unavailable(ended + (count == 1 ? " has" : " have") + " ended, and will not come to " + waiting.operation,
                       count == 1 ? "see the output of that rank" : "see the output of the first of them to end");
  if (check("left"))
    for (int r = 0; r < size_; ++r) {
      const std::string key = "left/" + std::to_string(r);
      if (r != rank_ && check(key) && std::stoull(get(key)) <= waiting.index)
        return unavailable("rank " + std::to_string(r) + " has left, and will not come to " + waiting.operation);
    }
  if (check("roll")) set("here/" + std::to_string(rank_), "1");
  return {};
}

std::pair<std::string, int> Watch::ended_ranks() const {
  std::string text;
  int count = 0;
  for (size_t r = 0; r < processes_.size(); ++r) {
    if (static_cast<int>(r) == rank_ || !process_has_ended(processes_[r])) continue;
    text.append(count++ == 0 ? "rank " : ", rank ").append(std::to_string(r));
    text.append(" (process ").append(process_number(processes_[r])).append(")");
  }
  return {text, count};
}

Status Watch::late(const Waiting& waiting) {
  if (Status status = look(waiting); !status.ok()) return status;
  const std::vector<int> ranks = missing();
  // Another rank may have said why meanwhile.
  if (Status status = look(waiting); !status.ok()) return status;
  return unavailable("rank " + std::to_string(rank_) + " waited " + std::to_string(waiting.limit.count()) + " ms in " +
                         waiting.operation + " for " + (ranks.empty() ? "the others" : listed(ranks)),
                     "see what those ranks do; a longer timeout is an option of the communicator");
}

Status Watch::blame(const std::string& error, const Waiting& waiting) {
  // Connections close a moment before their process has ended.
  for (const auto end = Clock::now() + 500ms; Clock::now() < end; std::this_thread::sleep_for(20ms))
    if (Status status = look(waiting); !status.ok()) return status;
  const std::vector<int> ranks = missing();
  if (Status status = look(waiting); !status.ok()) return status;
  return unavailable("the process group failed in " + waiting.operation +
                         (ranks.empty() ? std::string() : "; " + listed(ranks) + " did not answer"),
                     error.substr(0, error.find('\n')));
}

std::vector<int> Watch::missing() {
  std::vector<int> ranks;
  if (store_ == nullptr) return ranks;
  set("here/" + std::to_string(rank_), "1");
  set("roll", "1");
  for (const auto end = Clock::now() + kRollCall;; std::this_thread::sleep_for(20ms)) {
    ranks.clear();
    for (int r = 0; r < size_; ++r)
      if (!check("here/" + std::to_string(r))) ranks.push_back(r);
    if (ranks.empty() || Clock::now() > end) break;
  }
  // Even this rank is missing: the store itself is gone, and with it who kept it.
  if (std::find(ranks.begin(), ranks.end(), rank_) != ranks.end()) ranks.clear();
  return ranks;
}

void Watch::let_others_look() const {
  if (store_ != nullptr) std::this_thread::sleep_for(kLookEvery + 50ms);
}

std::string Watch::post_abort(const std::string& reason) {
  std::string stays = reason;
  if (store_ != nullptr) {
    try {
      const auto found = store_->compareSet(prefix_ + "abort", std::string(), reason);
      if (!found.empty()) stays = found;
    } catch (const std::exception&) {
      // Without the store the others see the end of this process, or a timeout.
    }
  }
  const std::lock_guard lock(mutex_);
  if (own_abort_.empty()) own_abort_ = stays;
  return own_abort_;
}

void Watch::post_left(uint64_t operations) {
  set("left/" + std::to_string(rank_), std::to_string(operations));
  set("left", "1");
}

bool Watch::check(const std::string& key) {
  if (store_ == nullptr) return false;
  try {
    return store_->check({prefix_ + key});
  } catch (const std::exception&) {
    return false;  // its host has ended; what else is known says more
  }
}

std::string Watch::get(const std::string& key) {
  try {
    return store_->get_to_str(prefix_ + key);
  } catch (const std::exception& error) {
    return error.what();
  }
}

void Watch::set(const std::string& key, const std::string& value) {
  if (store_ == nullptr) return;
  try {
    store_->set(prefix_ + key, value);
  } catch (const std::exception&) {
    // As in check().
  }
}

}  // namespace fvattn::c10d_transport
