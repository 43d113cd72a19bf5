#include "rendezvous.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>
#include <utility>

namespace fvattn {
namespace {

std::string listed(const std::vector<bool>& ranks, bool wanted) {
  std::string text;
  for (size_t r = 0; r < ranks.size(); ++r)
    if (ranks[r] == wanted) text += (text.empty() ? "" : ", ") + std::to_string(r);
  return (text.find(',') == std::string::npos ? "rank " : "ranks ") + text;
}

}  // namespace

Rendezvous::Rendezvous(int size, const CommunicatorOptions& options)
    : options_(options),
      posts_(static_cast<size_t>(size)),
      here_(static_cast<size_t>(size)),
      left_(static_cast<size_t>(size)) {}

void Rendezvous::fail(Status status) {
  if (failure_.ok()) failure_ = std::move(status);
  change_.notify_all();
}

std::string Rendezvous::missing() const { return listed(here_, false); }

Status Rendezvous::check_same() const {
  std::vector<std::string> operations;
  for (const auto& post : posts_) operations.push_back(post->operation);
  return check_same_operation(operations);
}

void Rendezvous::check_left(int meeting_rank) {
  for (size_t r = 0; r < left_.size(); ++r)
    if (left_[r] && !here_[r])
      fail(Status::error(Code::unavailable, "rank " + std::to_string(r) + " has left, and will not come to " +
                                                posts_[static_cast<size_t>(meeting_rank)]->operation));
}

Result<Posts> Rendezvous::meet(int rank, Post post, std::chrono::microseconds& waited) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::unique_lock lock(mutex_);
  if (!failure_.ok()) return failure_;
  const auto me = static_cast<size_t>(rank);
  posts_[me] = std::make_shared<const Post>(std::move(post));
  here_[me] = true;
  if (++arrived_ == size()) {
    if (Status status = check_same(); !status.ok()) {
      fail(status);
      return failure_;
    }
    latest_ = std::make_shared<const std::vector<std::shared_ptr<const Post>>>(
        std::exchange(posts_, std::vector<std::shared_ptr<const Post>>(posts_.size())));
    arrived_ = 0;
    here_.assign(here_.size(), false);
    ++meetings_;
    change_.notify_all();
    return latest_;
  }
  check_left(rank);
  const uint64_t mine = meetings_;
  const auto limit = mine == 0 ? std::max(options_.warm_up_timeout, options_.timeout) : options_.timeout;
  const bool changed = change_.wait_until(lock, start + limit, [&] { return meetings_ != mine || !failure_.ok(); });
  waited += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  // A meeting that took place is a success for all who came, whatever happened since.
  if (meetings_ != mine) return latest_;
  if (!changed)
    fail(Status::error(Code::unavailable,
                       "rank " + std::to_string(rank) + " waited " + std::to_string(limit.count()) + " ms in " +
                           posts_[me]->operation + " for " + missing(),
                       {}, {}, "see what those ranks do; a longer timeout is an option of the communicator"));
  return failure_;
}

void Rendezvous::abort(int rank, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  fail(Status::error(Code::unavailable, "rank " + std::to_string(rank) + " aborted: " + reason));
}

void Rendezvous::leave(int rank) {
  const std::lock_guard lock(mutex_);
  left_[static_cast<size_t>(rank)] = true;
  for (size_t r = 0; r < here_.size(); ++r)
    if (here_[r]) return check_left(static_cast<int>(r));
}

}  // namespace fvattn
