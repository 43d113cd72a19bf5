#include "host_threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace fvattn {
namespace {

/// One parallel_for. Shared, because a thread may look at a job whose caller has left already.
struct Job {
  int64_t n, chunk, chunks;
  void (*fn)(void*, int64_t, int64_t);
  void* arg;
  std::atomic<int64_t> next{0}, finished{0};
  std::mutex mutex;
  std::condition_variable done;

  bool has_work() const { return next.load(std::memory_order_relaxed) < chunks; }

  /// Takes chunks until none is left.
  void work() {
    for (;;) {
      const int64_t index = next.fetch_add(1, std::memory_order_relaxed);
      if (index >= chunks) return;
      fn(arg, index * chunk, std::min(n, (index + 1) * chunk));
      if (finished.fetch_add(1, std::memory_order_acq_rel) + 1 != chunks) continue;
      const std::lock_guard lock(mutex);
      done.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex);
    done.wait(lock, [this] { return finished.load(std::memory_order_acquire) == chunks; });
  }
};

class Threads {
 public:
  static Threads& get() {
    static auto* threads = new Threads;  // never destroyed: its threads are never joined
    return *threads;
  }

  int count() const { return count_; }

  void run(const std::shared_ptr<Job>& job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(job);
    }
    wake_.notify_all();
    job->work();
    {
      const std::lock_guard lock(mutex_);
      jobs_.remove(job);
    }
    job->wait();
  }

 private:
  Threads() {
    const int wanted = static_cast<int>(std::max(1u, std::thread::hardware_concurrency())) - 1;
    try {
      for (; count_ - 1 < wanted; ++count_) std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      // A limit on threads: those that there are do the work.
    }
  }

  void serve() {
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] {
          const auto found =
              std::find_if(jobs_.begin(), jobs_.end(), [](const auto& candidate) { return candidate->has_work(); });
          if (found != jobs_.end()) job = *found;
          return job != nullptr;
        });
      }
      job->work();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<std::shared_ptr<Job>> jobs_;
  int count_ = 1;  // the caller included
};

}  // namespace

void parallel_for_own_threads(int64_t n, int64_t grain, void (*fn)(void* arg, int64_t lo, int64_t hi), void* arg) {
  constexpr int64_t kChunksPerThread = 32;  // finer pieces cost more than they balance
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (n <= grain) return fn(arg, 0, n);
  Threads& threads = Threads::get();
  if (threads.count() == 1) return fn(arg, 0, n);
  const int64_t most_chunks = kChunksPerThread * threads.count();
  auto job = std::make_shared<Job>();
  job->n = n;
  job->chunk = std::max(grain, (n + most_chunks - 1) / most_chunks);
  job->chunks = (n + job->chunk - 1) / job->chunk;
  job->fn = fn;
  job->arg = arg;
  threads.run(job);
}

}  // namespace fvattn
