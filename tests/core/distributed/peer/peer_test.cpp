// The peer transport's code on the CPU: the same bytes as the thread transport, in place and through slots.
#include "peer_group.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Shape {
  int64_t batches, rows, heads, kv_heads, gap;
};
constexpr Shape kShapes[] = {{2, 37, 12, 12, 0}, {1, 64, 8, 2, 0}, {3, 1, 6, 1, 2}, {1, 5, 3, 3, 1}};

std::vector<int32_t> bytes_of(RoundTrip& trip) {
  std::vector<int32_t> all = trip.whole_q.memory;
  for (const Tensor* t : {&trip.whole_k, &trip.back}) all.insert(all.end(), t->memory.begin(), t->memory.end());
  return all;
}

// What each rank has after scatter and gather.
std::vector<std::vector<int32_t>> results(const Group& group, const Shape& s, unsigned seed) {
  std::vector<std::vector<int32_t>> all(group.size());
  std::atomic<int> failures = 0;
  on_ranks(group, [&](Communicator& self) {
    RoundTrip trip(self, s.batches, s.rows, s.heads, s.kv_heads, s.gap);
    trip.fill(seed);
    failures += !self.exchange(trip.scatter()).ok() + !self.exchange(trip.gather()).ok();
    all[trip.me] = bytes_of(trip);
  });
  REQUIRE(failures == 0);
  return all;
}

}  // namespace

TEST_CASE("bitwise equal to the thread transport, P 1 to 5, uneven, several kv heads, several writers") {
  for (int ranks = 1; ranks <= 5; ++ranks)
    for (const bool shares : {true, false})
      for (const auto& [writers, copy_engines] : {std::pair(1, false), {3, false}, {2, true}}) {
        CAPTURE(ranks);
        CAPTURE(shares);
        CAPTURE(copy_engines);
        const Group expected = make_thread_communicators(ranks);
        PeerGroup group = make_peer_group(ranks, shares, writers, {}, [] {}, -1, nullptr, copy_engines);
        CHECK(group.ranks[0]->name() == (copy_engines ? "ce" : "peer"));
        unsigned seed = 0;
        for (const Shape& shape : kShapes) {
          ++seed;
          CHECK(results(group.ranks, shape, seed) == results(expected, shape, seed));
        }
        for (size_t r = 0; r < group.ranks.size(); ++r) {
          const CommunicatorStats did = group.ranks[r]->stats(), as = expected[r]->stats();
          CHECK(did.exchanges == as.exchanges);
          CHECK(did.bytes_remote == as.bytes_remote);
          CHECK(did.bytes_local == as.bytes_local);
          if (shares) CHECK(did.copies == 0);
          if (!shares) CHECK(did.copies <= 3 * std::size(kShapes));
        }
      }
}

TEST_CASE("random delays change nothing, nor do exchanges of other sizes in between") {
  for (const auto& [shares, copy_engines] : {std::pair(true, false), {false, false}, {true, true}, {false, true}}) {
    CAPTURE(shares);
    CAPTURE(copy_engines);
    const auto pause = [] {
      static thread_local std::mt19937 random(std::random_device{}());
      if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    };
    const Group expected = make_thread_communicators(3);
    PeerGroup group = make_peer_group(3, shares, 2, {}, pause, -1, nullptr, copy_engines);
    for (unsigned i = 1; i < 40; ++i) {
      const Shape shape{1, 7 + i % 5 * 6, 5, 5, 0};
      CHECK(results(group.ranks, shape, i) == results(expected, shape, i));
    }
  }
}

TEST_CASE("recorded work can be run again any number of times, with odd and even numbers of exchanges between") {
  for (const auto& [shares, copy_engines] : {std::pair(true, false), {false, false}, {true, true}, {false, true}})
    for (const int others : {0, 1, 2, 3}) {
      CAPTURE(shares);
      CAPTURE(copy_engines);
      CAPTURE(others);
      const int ranks = 3, replays = 100;
      PeerGroup group = make_peer_group(ranks, shares, 2, {}, [] {}, -1, nullptr, copy_engines);
      const Group expected = make_thread_communicators(ranks);
      std::atomic<int> wrong = 0;
      on_ranks(group.ranks, [&](Communicator& self) {
        const auto me = static_cast<size_t>(self.rank());
        HostDevice& device = *group.devices[me];
        RoundTrip trip(self, 1, 11, 5, 5, 0), other(self, 1, 4, 3, 3, 0);
        trip.fill(0);
        other.fill(1);
        wrong += !self.exchange(other.scatter()).ok();
        wrong += !self.exchange(trip.scatter()).ok();
        const peer::Work recorded = device.latest;
        RoundTrip same(*expected[me], 1, 11, 5, 5, 0);
        for (int i = 0; i < replays; ++i) {
          for (int j = 0; j < others; ++j) wrong += !self.exchange(other.scatter()).ok();
          trip.fill(static_cast<unsigned>(i) + 2);
          same.fill(static_cast<unsigned>(i) + 2);
          device.latest = recorded;
          wrong += !device.again().ok();
          wrong += !expected[me]->exchange(same.scatter()).ok();
          wrong += trip.whole_q.memory != same.whole_q.memory || trip.whole_k.memory != same.whole_k.memory;
        }
      });
      CHECK(wrong == 0);
    }
}

TEST_CASE("more tensors than one launch takes") {
  const int ranks = 3;
  PeerGroup group = make_peer_group(ranks, true, 1);
  std::atomic<int> wrong = 0, launches = 0;
  on_ranks(group.ranks, [&](Communicator& self) {
    std::vector<RoundTrip> trips;
    Exchange all{"scatter_heads", {}, nullptr};
    for (int i = 0; i < 12; ++i) trips.emplace_back(self, 1, 9, 3, 3, 0);
    for (size_t i = 0; i < trips.size(); ++i) {
      trips[i].fill(static_cast<unsigned>(i));
      all.transfers.push_back(trips[i].scatter().transfers[0]);
    }
    wrong += !self.exchange(all).ok();
    launches += static_cast<int>(group.devices[trips[0].me]->latest.pushes.size());
    for (RoundTrip& trip : trips) {
      wrong += !self.exchange(trip.gather()).ok();
      trip.q.memory.back() = trip.back.memory.back();  // behind the tensor
      wrong += trip.back.memory != trip.q.memory;
    }
  });
  CHECK(wrong == 0);
  CHECK(launches == 2 * ranks);
}
