// Targets that the peer transport lends: written in place, between exchanges through slots.
#include "peer_group.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace fvattn;
using namespace fvattn::test;

namespace {

constexpr int64_t kSpare = 2;
constexpr int32_t kOwn = -77;  // what the caller has in the spare rows

void dense(Layout& layout, std::byte* data) {
  layout.data = data;
  layout.row_stride = layout.heads * layout.head_bytes;
  layout.batch_stride = (layout.rows + kSpare) * layout.row_stride;
}

template <class Body>
void each_element(const Layout& l, int64_t first_row, int64_t last_row, Body&& body) {
  for (int64_t b = 0; b < l.batches; ++b)
    for (int64_t r = first_row; r < last_row; ++r)
      for (int64_t i = 0; i < 2 * l.heads; ++i)
        body(*reinterpret_cast<int32_t*>(l.data + b * l.batch_stride + r * l.row_stride + i * 4), b, r, i);
}

// The trip's scatter into lent memory; how many elements, spare ones too, are not what they have to be.
int wrong_after(Communicator& self, RoundTrip& trip, RoundTrip& same, Communicator& threads) {
  Exchange scatter = trip.scatter();
  for (Transfer& t : scatter.transfers) t.spare_rows = kSpare;
  const auto lent = self.lend(scatter);
  if (!lent || lent->size() != scatter.transfers.size()) return 1;
  for (size_t t = 0; t < lent->size(); ++t) {
    Layout& target = scatter.transfers[t].target;
    if ((*lent)[t] == nullptr) return 1;
    dense(target, (*lent)[t]);
    each_element(target, target.rows, target.rows + kSpare, [](int32_t& x, auto...) { x = kOwn; });
  }
  if (!self.exchange(scatter).ok() || !threads.exchange(same.scatter()).ok()) return 1;
  int wrong = 0;
  Tensor* const expected[] = {&same.whole_q, &same.whole_k};
  for (size_t t = 0; t < lent->size(); ++t) {
    const Layout& target = scatter.transfers[t].target;
    each_element(target, 0, target.rows, [&](int32_t x, int64_t b, int64_t r, int64_t i) {
      wrong += x != expected[t]->at(b, r, i / 2, i % 2);
    });
    each_element(target, target.rows, target.rows + kSpare, [&](int32_t x, auto...) { wrong += x != kOwn; });
  }
  return wrong;
}

}  // namespace

TEST_CASE("lent targets get the bytes of the thread transport, without a copy, and their spare rows none") {
  const auto pause = [] {
    static thread_local std::mt19937 random(std::random_device{}());
    if (random() % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
  };
  for (const int ranks : {1, 2, 3, 4})  // three heads: the fourth rank has none
    for (const bool copy_engines : {false, true}) {
      CAPTURE(ranks);
      CAPTURE(copy_engines);
      const Group threads = make_thread_communicators(ranks);
      PeerGroup group = make_peer_group(ranks, false, 2, {}, pause, -1, nullptr, copy_engines);
      std::atomic<int> wrong = 0;
      on_ranks(group.ranks, [&](Communicator& self) {
        Communicator& as = *threads[static_cast<size_t>(self.rank())];
        for (unsigned i = 0; i < 12; ++i) {
          RoundTrip trip(self, 2, 5 + i % 4 * 9, 3, 3, 0), same(self, 2, 5 + i % 4 * 9, 3, 3, 0);
          trip.fill(i);
          same.fill(i);
          wrong += wrong_after(self, trip, same, as);
          for (unsigned j = 0; j < i % 3; ++j) {  // through slots, an odd or an even number of them
            wrong += !self.exchange(trip.scatter()).ok() + !as.exchange(same.scatter()).ok();
            wrong += trip.whole_q.memory != same.whole_q.memory;
          }
        }
      });
      CHECK(wrong == 0);
      CHECK(group.ranks[0]->stats().copies == 2 * 12);  // of the 12 exchanges through slots, two tensors each
    }
}

TEST_CASE("a recorded exchange into lent memory can be run again") {
  const int ranks = 3, replays = 50;
  const Group threads = make_thread_communicators(ranks);
  PeerGroup group = make_peer_group(ranks, false, 2);
  std::atomic<int> wrong = 0;
  on_ranks(group.ranks, [&](Communicator& self) {
    const auto me = static_cast<size_t>(self.rank());
    RoundTrip trip(self, 1, 11, 5, 5, 0), same(self, 1, 11, 5, 5, 0), other(self, 1, 4, 3, 3, 0);
    for (RoundTrip* t : {&trip, &same, &other}) t->fill(0);
    wrong += wrong_after(self, trip, same, *threads[me]);
    HostDevice& device = *group.devices[me];
    const peer::Work recorded = device.latest;
    const auto* q = reinterpret_cast<const int32_t*>(self.lend(trip.scatter()).value()[0]);
    for (unsigned i = 1; i <= replays; ++i) {
      if (i % 3 == 0) wrong += !self.exchange(other.scatter()).ok();
      trip.fill(i);
      same.fill(i);
      device.latest = recorded;
      wrong += !device.again().ok() + !threads[me]->exchange(same.scatter()).ok();
      wrong += !std::equal(q, q + 11 * 2 * trip.split.q[me].size, same.whole_q.memory.begin());
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("nothing is lent where tensors are written in place, nor once there was no memory for it") {
  for (const bool shares : {true, false}) {
    PeerGroup group = make_peer_group(2, shares, 1);
    std::atomic<int> wrong = 0;
    on_ranks(group.ranks, [&](Communicator& self) {
      wrong += self.lends() == shares;
      RoundTrip trip(self, 1, 9, 4, 4, 0);
      trip.fill(0);
      wrong += !self.exchange(trip.scatter()).ok();
      if (self.rank() == 1) group.devices[1]->refuses = true;
      const auto lent = self.lend(trip.scatter());
      wrong += !lent || !lent->empty() || self.lends();
      wrong += !self.exchange(trip.scatter()).ok();
    });
    CHECK(wrong == 0);
  }
}
