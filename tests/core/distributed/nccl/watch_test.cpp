// The thread that looks after queued messages: limits count from when an operation runs, the first failure stays.
#include "distributed/nccl/watch.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace fvattn;
using namespace std::chrono_literals;
using nccl::Progress;
using nccl::Watch;

namespace {

struct Scene {
  std::atomic<Progress> progress{Progress::queued};
  std::atomic<int> killed = 0;
  std::atomic<bool> trouble = false;
  Watch watch{3, {[this] { return trouble ? Status::error(Code::unavailable, "a remote error") : Status(); },
                  [this] { ++killed; }}};

  void add(const char* name, std::chrono::milliseconds limit) {
    watch.add({name, limit, [this] { return progress.load(); }});
  }
};

bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
  return condition();
}

}  // namespace

TEST_CASE("an operation that runs longer than its limit is an error with its name, and ends the group once") {
  Scene scene;
  scene.add("scatter_heads", 30ms);
  scene.progress = Progress::running;
  CHECK(soon([&] { return !scene.watch.failure().ok(); }));
  CHECK_CONTAINS(scene.watch.failure().text(), "rank 3 waited 30 ms in scatter_heads for messages of other ranks");
  CHECK(soon([&] { return scene.killed == 1; }));
  scene.watch.fail(Status::error(Code::internal, "something later"));
  CHECK_CONTAINS(scene.watch.failure().text(), "scatter_heads");
  CHECK(scene.killed == 1);
  CHECK_FALSE(scene.watch.wait_until_idle(1ms));
}

TEST_CASE("what waits behind other work of the stream is not late") {
  Scene scene;
  scene.add("gather_heads", 30ms);
  std::this_thread::sleep_for(150ms);
  CHECK(scene.watch.failure().ok());
  CHECK_FALSE(scene.watch.wait_until_idle(1ms));
  scene.progress = Progress::done;
  CHECK(scene.watch.wait_until_idle(2s));
  CHECK(scene.killed == 0);
}

TEST_CASE("each operation has its own time") {
  Scene scene;
  std::atomic<int> done = 0;
  for (int i = 0; i < 5; ++i)
    scene.watch.add({"step", 120ms, [&done, i] { return done > i ? Progress::done : Progress::running; }});
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(50ms);
    ++done;
  }
  CHECK(scene.watch.wait_until_idle(2s));
  CHECK(scene.watch.failure().ok());
}

TEST_CASE("trouble of the group ends it") {
  Scene scene;
  scene.add("scatter_heads", 10s);
  scene.trouble = true;
  CHECK(soon([&] { return scene.killed == 1; }));
  CHECK_CONTAINS(scene.watch.failure().text(), "a remote error");
}
