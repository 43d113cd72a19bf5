// Under mpirun: the peer transport between processes, whose memory is shared by handles, with MPI as its bootstrap. What it
// moves is bitwise what MPI moves.
#include "peer_group.hpp"

#include "core/distributed/mpi/rank.hpp"

#include <doctest/doctest.h>

using namespace fvattn;
using namespace fvattn::test;

TEST_CASE("processes write into each other's slots") {
  const std::shared_ptr<Communicator>& mpi = this_rank();
  const auto made = peer::make_communicator(mpi, std::make_unique<HostDevice>(), {false, 2, {}});
  REQUIRE(made.ok());
  Communicator& peers = **made;
  CHECK(peers.size() > 1);
  for (unsigned i = 0; i < 60; ++i) {
    // Sizes that come again need no word of the host; new ones may need larger slots.
    const int64_t rows = 5 + i % 7 * 6;
    RoundTrip trip(peers, 1 + i % 2, rows, 6, 2, i % 3), same(*mpi, 1 + i % 2, rows, 6, 2, i % 3);
    trip.fill(i);
    same.fill(i);
    REQUIRE(peers.exchange(trip.scatter()).ok());
    REQUIRE(mpi->exchange(same.scatter()).ok());
    CHECK(trip.whole_q.memory == same.whole_q.memory);
    CHECK(trip.whole_k.memory == same.whole_k.memory);
    REQUIRE(peers.exchange(trip.gather()).ok());
    REQUIRE(mpi->exchange(same.gather()).ok());
    CHECK(trip.back.memory == same.back.memory);
  }
  CHECK(peers.stats().exchanges == 120);
  CHECK(peers.barrier().ok());
}
