// What goes wrong on one rank of the peer transport is an error on all, with words, and nobody waits for ever.
#include "peer_group.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

using namespace fvattn;
using namespace fvattn::test;
using namespace std::chrono_literals;

namespace {

std::vector<Status> statuses(const Group& group, const std::function<Status(Communicator&)>& body) {
  std::vector<Status> all(group.size());
  on_ranks(group, [&](Communicator& self) { all[static_cast<size_t>(self.rank())] = body(self); });
  return all;
}

}  // namespace

TEST_CASE("a rank without memory for others makes all give up together") {
  std::vector<std::string> errors;
  make_peer_group(3, false, 1, {}, [] {}, 1, &errors);
  CHECK_CONTAINS(errors[0], "rank 1 cannot take part: no memory for others");
  CHECK_CONTAINS(errors[1], "no memory for others");
  CHECK_CONTAINS(errors[2], "rank 1 cannot take part: no memory for others");
}

TEST_CASE("ranks that come with other shapes are told all shapes") {
  for (const bool shares : {true, false}) {
    PeerGroup group = make_peer_group(2, shares, 1);
    for (const Status& status : statuses(group.ranks, [](Communicator& self) {
           RoundTrip trip(self, 1, self.rank() == 0 ? 8 : 9, 4, 4, 0);
           return self.exchange(trip.scatter());
         })) {
      CHECK_CONTAINS(status.text(), "ranks came with different operations; got rank 0: scatter_heads of q");
      CHECK_CONTAINS(status.text(), "rank 1: scatter_heads of q (scatter_heads batch 1 head 8 bytes rows 0+5,5+4");
    }
  }
}

TEST_CASE("a rank that does not store ends the wait of the others, by number") {
  for (const bool copy_engines : {false, true}) {
    PeerGroup group = make_peer_group(3, false, 1, {100ms, 5s}, [] {}, -1, nullptr, copy_engines);
    const auto all = statuses(group.ranks, [&](Communicator& self) {
      RoundTrip trip(self, 1, 9, 3, 3, 0);
      trip.fill(0);
      Status status = self.exchange(trip.scatter());
      if (!status.ok() || self.rank() == 1) return status;
      return self.exchange(trip.scatter());  // known: nothing is asked on the host, and the stores of rank 1 do not come
    });
    CHECK(all[1].ok());
    for (const size_t r : {0u, 2u}) {
      CHECK_CONTAINS(all[r].text(), "waited 100 ms in scatter_heads or before it for the stores of rank 1");
      CHECK(all[r].code == Code::unavailable);
    }
    CHECK_FALSE(group.ranks[1]->barrier().ok());
  }
}

TEST_CASE("an abort reaches the others, and ends waits for stores") {
  PeerGroup group = make_peer_group(2, true, 1);
  const auto all = statuses(group.ranks, [](Communicator& self) {
    if (self.rank() == 1) {
      self.abort("out of memory");
      return self.barrier();
    }
    RoundTrip trip(self, 1, 9, 3, 3, 0);
    return self.exchange(trip.scatter());
  });
  for (const Status& status : all) CHECK_CONTAINS(status.text(), "rank 1 aborted: out of memory");
}

TEST_CASE("tensors that do not fit, or lie elsewhere, are refused on all ranks") {
  PeerGroup group = make_peer_group(2, true, 1);
  const auto all = statuses(group.ranks, [](Communicator& self) {
    RoundTrip trip(self, 1, 9, 3, 3, 0);
    Exchange exchange = trip.scatter();
    if (self.rank() == 0) exchange.device = 0;
    return self.exchange(exchange);
  });
  CHECK_CONTAINS(all[0].text(), "on another device");
  CHECK_CONTAINS(all[1].text(), "rank 0 aborted: scatter_heads: the tensors are on another device");
}

TEST_CASE("more ranks than one machine has are refused") {
  auto made = peer::make_communicator(make_thread_communicators(17).front(), std::make_unique<HostDevice>(), {});
  CHECK_CONTAINS(made.status().text(), "1 to 16 ranks");
}
