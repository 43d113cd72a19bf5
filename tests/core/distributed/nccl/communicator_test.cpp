// The nccl transport's code on the CPU: the bytes of the thread transport, its statistics, and what ends it.
#include "host_device.hpp"

#include "core/distributed/peer/peer_group.hpp"
#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace fvattn;
using namespace fvattn::test;
using namespace std::chrono_literals;

namespace {

struct Shape {
  int64_t batches, rows, heads, kv_heads, gap;
};
constexpr Shape kShapes[] = {{2, 37, 12, 12, 0}, {1, 64, 8, 2, 0}, {3, 1, 6, 1, 2}, {1, 5, 3, 3, 1}};

std::vector<std::vector<int32_t>> results(const Group& group, const Shape& s, unsigned seed) {
  std::vector<std::vector<int32_t>> all(group.size());
  std::atomic<int> failures = 0;
  on_ranks(group, [&](Communicator& self) {
    RoundTrip trip(self, s.batches, s.rows, s.heads, s.kv_heads, s.gap);
    trip.fill(seed);
    failures += !self.exchange(trip.scatter()).ok() + !self.exchange(trip.gather()).ok();
    for (const Tensor* t : {&trip.whole_q, &trip.whole_k, &trip.back})
      all[trip.me].insert(all[trip.me].end(), t->memory.begin(), t->memory.end());
  });
  REQUIRE(failures == 0);
  return all;
}

std::vector<Status> statuses(const Group& group, const std::function<Status(Communicator&)>& body) {
  std::vector<Status> all(group.size());
  on_ranks(group, [&](Communicator& self) { all[static_cast<size_t>(self.rank())] = body(self); });
  return all;
}

Status scatter_of(Communicator& self, int64_t rows) {
  RoundTrip trip(self, 1, rows, 4, 4, 0);
  return self.exchange(trip.scatter());
}

}  // namespace

TEST_CASE("bitwise equal to the thread transport, P 1 to 5, and the same statistics") {
  for (int ranks = 1; ranks <= 5; ++ranks) {
    CAPTURE(ranks);
    const Group expected = make_thread_communicators(ranks), group = make_mail_group(ranks);
    CHECK(group[0]->name() == "nccl");
    for (unsigned i = 0; i < 12; ++i)
      CHECK(results(group, kShapes[i % 4], i) == results(expected, kShapes[i % 4], i));
    for (size_t r = 0; r < group.size(); ++r) {
      const CommunicatorStats did = group[r]->stats(), as = expected[r]->stats();
      CHECK(did.exchanges == as.exchanges);
      CHECK(did.bytes_remote == as.bytes_remote);
      CHECK(did.bytes_local == as.bytes_local);
    }
  }
}

TEST_CASE("dense tensors: one pass for each tensor and direction") {
  const Group group = make_mail_group(3);
  results(group, {1, 30, 6, 6, 0}, 1);
  for (const auto& rank : group) CHECK(rank->stats().copies == 3);  // q and k there, o back
}

TEST_CASE("agreement and barriers go over the bootstrap") {
  const Group group = make_mail_group(3);
  for (const Status& status : statuses(group, [](Communicator& self) {
         Contract mine;
         mine.add("dtype", self.rank() == 2 ? "bfloat16" : "float32");
         const auto agreed = self.agree(mine);
         return self.barrier().ok() ? agreed.status() : Status();
       }))
    CHECK_CONTAINS(status.text(), "ranks disagree on dtype; got rank 0: float32, rank 1: float32, rank 2: bfloat16");
}

TEST_CASE("ranks that come with other shapes are told all shapes, and the group is of no more use") {
  const Group group = make_mail_group(2);
  for (const Status& status : statuses(group, [](Communicator& self) { return scatter_of(self, 8 + self.rank()); })) {
    CHECK_CONTAINS(status.text(), "ranks came with different operations; got rank 0: scatter_heads of q");
    CHECK_CONTAINS(status.text(), "rank 1: scatter_heads of q (scatter_heads batch 1 head 8 bytes rows 0+5,5+4");
  }
  for (const Status& status : statuses(group, [](Communicator& self) { return scatter_of(self, 8); }))
    CHECK_CONTAINS(status.text(), "ranks came with different operations");
}

TEST_CASE("an abort reaches the others, and later calls of its own rank") {
  const Group group = make_mail_group(2);
  const auto all = statuses(group, [](Communicator& self) {
    if (self.rank() == 1) self.abort("out of memory");
    return scatter_of(self, 9);
  });
  for (const Status& status : all) CHECK_CONTAINS(status.text(), "rank 1 aborted: out of memory");
}

TEST_CASE("a rank that sends nothing ends the others, and their next word") {
  const Group group = make_mail_group(3, {100ms, 5s});
  const auto all = statuses(group, [](Communicator& self) {
    Status status = scatter_of(self, 9);
    if (!status.ok() || self.rank() == 1) return status;
    return scatter_of(self, 9);  // known: nothing is asked on the host
  });
  CHECK(all[1].ok());
  for (const size_t r : {0u, 2u}) CHECK_CONTAINS(all[r].text(), "no such message in scatter_heads");
  CHECK_CONTAINS(group[1]->barrier().text(), "aborted: no such message in scatter_heads");
}

TEST_CASE("tensors that lie elsewhere are refused on all ranks") {
  const Group group = make_mail_group(2);
  const auto all = statuses(group, [](Communicator& self) {
    RoundTrip trip(self, 1, 9, 3, 3, 0);
    Exchange exchange = trip.scatter();
    if (self.rank() == 0) exchange.device = 0;
    return self.exchange(exchange);
  });
  CHECK_CONTAINS(all[0].text(), "on another device");
  CHECK_CONTAINS(all[1].text(), "rank 0 aborted: scatter_heads: the tensors are on another device");
}
