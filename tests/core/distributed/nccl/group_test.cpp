// NCCL's communicator behind functions that are made for the test: it never blocks for longer than its limit, says what
// went wrong, and is ended once.
#include "distributed/nccl/cuda/group.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

using namespace fvattn;
using namespace std::chrono_literals;

namespace {

// What NCCL would do next, and what was called.
struct Script {
  std::atomic<ncclResult_t> state{ncclSuccess};
  std::atomic<int> busy_looks{0};  // so often it is in progress before it has that state
  ncclResult_t init = ncclInProgress;
  std::vector<std::string> calls;
};
Script* script = nullptr;

ncclComm_t some_communicator() { return reinterpret_cast<ncclComm_t>(script); }

nccl::Functions functions() {
  nccl::Functions f{};
  f.error_string = [](ncclResult_t result) { return result == ncclRemoteError ? "remote error" : "invalid usage"; };
  f.last_error = [](ncclComm_t) { return "the words of NCCL"; };
  f.init = [](ncclComm_t* comm, int size, ncclUniqueId, int rank, ncclConfig_t* config) {
    CHECK(config->blocking == 0);
    script->calls.push_back("init " + std::to_string(rank) + " of " + std::to_string(size));
    *comm = some_communicator();
    return script->init;
  };
  f.async_error = [](ncclComm_t, ncclResult_t* result) {
    *result = script->busy_looks > 0 ? ncclInProgress : script->state.load();
    if (script->busy_looks > 0) --script->busy_looks;
    return ncclSuccess;
  };
  const auto note = [](const char* what) {
    script->calls.push_back(what);
    return ncclSuccess;
  };
  static const auto noted = note;
  f.finalize = [](ncclComm_t) { return noted("finalize"); };
  f.destroy = [](ncclComm_t) { return noted("destroy"); };
  f.abort = [](ncclComm_t) { return noted("abort"); };
  f.group_start = [] { return noted("start"); };
  f.group_end = [] {
    noted("end");
    return ncclInProgress;
  };
  f.send = [](const void*, size_t bytes, ncclDataType_t, int peer, ncclComm_t, cudaStream_t) {
    script->calls.push_back("send " + std::to_string(bytes) + " to " + std::to_string(peer));
    return ncclSuccess;
  };
  f.receive = [](void*, size_t bytes, ncclDataType_t, int peer, ncclComm_t, cudaStream_t) {
    script->calls.push_back("receive " + std::to_string(bytes) + " from " + std::to_string(peer));
    return ncclSuccess;
  };
  return f;
}

struct Scene {
  Script own;
  nccl::Functions all = functions();
  Scene() { script = &own; }
};

nccl::Plan some_plan() {
  nccl::Plan plan;
  plan.sends = {{1, nullptr, 8}, {2, nullptr, 16}};
  plan.receives = {{2, nullptr, 24}};
  return plan;
}

using Calls = std::vector<std::string>;

}  // namespace

TEST_CASE("a group connects, moves all messages at once, and ends in a friendly way") {
  Scene scene;
  {
    nccl::Group group(scene.all, 0, 3);
    scene.own.busy_looks = 5;
    CHECK(group.connect({}, 5s).ok());
    scene.own.busy_looks = 3;
    CHECK(group.exchange(some_plan(), nullptr, 5s).ok());
    CHECK(scene.own.busy_looks == 0);  // all is queued when it returns
    CHECK(group.exchange({}, nullptr, 5s).ok());  // nothing to send: no group
    group.close(5s);
  }
  CHECK(scene.own.calls == Calls{"init 0 of 3", "start", "send 8 to 1", "send 16 to 2", "receive 24 from 2", "end",
                                 "finalize", "destroy"});
}

TEST_CASE("ranks that do not come: an error after the limit, and an end") {
  Scene scene;
  {
    nccl::Group group(scene.all, 1, 2);
    scene.own.state = ncclInProgress;
    CHECK_CONTAINS(group.connect({}, 40ms).text(), "rank 1 waited 40 ms for the other ranks in NCCL's start");
    scene.own.state = ncclSuccess;
    CHECK(group.exchange(some_plan(), nullptr, 1s).ok());
    scene.own.state = ncclInProgress;
    CHECK_CONTAINS(group.exchange(some_plan(), nullptr, 40ms).text(), "in NCCL's group of messages");
    group.close(40ms);
  }
  CHECK(scene.own.calls.back() == "abort");
}

TEST_CASE("errors have the words of NCCL and the rank") {
  Scene scene;
  nccl::Group group(scene.all, 1, 2);
  scene.own.init = ncclInvalidUsage;
  CHECK_CONTAINS(group.connect({}, 1s).text(),
                 "rank 1: NCCL: ncclCommInitRankConfig failed; got invalid usage: the words of NCCL");
  CHECK(group.trouble().ok());
  scene.own.state = ncclRemoteError;
  CHECK_CONTAINS(group.exchange(some_plan(), nullptr, 1s).text(), "group of messages failed; got remote error");
  CHECK_CONTAINS(group.trouble().text(), "what was queued failed; got remote error");
}

TEST_CASE("an end from another thread ends a wait; later calls say so, and nothing is ended twice") {
  Scene scene;
  {
    nccl::Group group(scene.all, 0, 2);
    CHECK(group.connect({}, 1s).ok());
    scene.own.state = ncclInProgress;
    std::thread other([&] {
      std::this_thread::sleep_for(30ms);
      group.abort();
    });
    CHECK_CONTAINS(group.exchange(some_plan(), nullptr, 20s).text(), "has been ended");
    other.join();
    CHECK_CONTAINS(group.exchange(some_plan(), nullptr, 20s).text(), "has been ended");
    CHECK(group.trouble().ok());
    group.abort();
    group.close(1s);
  }
  CHECK(std::count(scene.own.calls.begin(), scene.own.calls.end(), "abort") == 1);
}
