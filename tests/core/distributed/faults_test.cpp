// What goes wrong on one rank ends the wait of all, with words.
#include "group.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

using namespace fvattn;
using namespace fvattn::test;
using namespace std::chrono_literals;

namespace {

CommunicatorOptions limits(std::chrono::milliseconds timeout, std::chrono::milliseconds warm_up = 0ms) {
  return {timeout, warm_up};
}

// Every rank's status of its body.
std::vector<Status> statuses(const Group& group, const std::function<Status(Communicator&)>& body) {
  std::vector<Status> all(group.size());
  on_ranks(group, [&](Communicator& self) { all[static_cast<size_t>(self.rank())] = body(self); });
  return all;
}

Exchange one_tensor(Communicator& self, Tensor& in, Tensor& out, int64_t rows) {
  return {"scatter_heads",
          {{"q", Pattern::scatter_heads, split_evenly(rows, self.size()), split_evenly(4, self.size()), in.layout(),
            out.layout()}},
          nullptr};
}

}  // namespace

TEST_CASE("ranks that come with other shapes are told all shapes") {
  const Group group = make_thread_communicators(2);
  for (const Status& status : statuses(group, [](Communicator& self) {
         const int64_t rows = self.rank() == 0 ? 8 : 9;
         Tensor in(1, split_evenly(rows, 2)[static_cast<size_t>(self.rank())].size, 4), out(1, rows, 2);
         return self.exchange(one_tensor(self, in, out, rows));
       })) {
    CHECK_CONTAINS(status.text(),
                   "rank 0: scatter_heads of q (scatter_heads batch 1 head 8 bytes rows 0+4,4+4 heads 0+2,2+2)");
    CHECK_CONTAINS(status.text(), "rank 1: scatter_heads of q (scatter_heads batch 1 head 8 bytes rows 0+5,5+4");
  }
}

TEST_CASE("ranks that call different operations are told so, and stay stopped") {
  const Group group = make_thread_communicators(3);
  const auto body = [](Communicator& self) { return self.rank() == 1 ? self.agree({}).status() : self.barrier(); };
  for (const Status& status : statuses(group, body))
    CHECK_CONTAINS(status.text(), "rank 0: barrier; rank 1: agree; rank 2: barrier");
  for (const Status& status : statuses(group, [](Communicator& self) { return self.barrier(); }))
    CHECK_CONTAINS(status.text(), "ranks came with different operations");
}

TEST_CASE("a disagreement leaves the group usable") {
  const Group group = make_thread_communicators(2);
  const auto body = [](Communicator& self) {
    Contract mine;
    mine.add("dtype", self.rank() == 0 ? "float32" : "float16");
    return self.agree(mine).status();
  };
  for (const Status& status : statuses(group, body)) CHECK_CONTAINS(status.text(), "rank 0: float32, rank 1: float16");
  for (const Status& status : statuses(group, [](Communicator& self) { return self.barrier(); })) CHECK(status.ok());
}

TEST_CASE("an abort reaches those who wait and those who come later") {
  const Group group = make_thread_communicators(3);
  const auto body = [](Communicator& self) {
    if (self.rank() == 2) {
      std::this_thread::sleep_for(20ms);
      self.abort("out of memory");
    }
    return self.barrier();
  };
  for (const Status& status : statuses(group, body)) CHECK_CONTAINS(status.text(), "rank 2 aborted: out of memory");
}

TEST_CASE("a rank that never comes ends the wait after the timeout, by number") {
  const Group group = make_thread_communicators(3, limits(60ms));
  const auto start = std::chrono::steady_clock::now();
  const auto all = statuses(group, [](Communicator& self) { return self.rank() == 1 ? Status() : self.barrier(); });
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  for (const size_t r : {0u, 2u}) {
    CHECK_CONTAINS(all[r].text(), "waited 60 ms in barrier for rank 1");
    CHECK(all[r].code == Code::unavailable);
  }
}

TEST_CASE("a late rank is waited for, longer before the first operation") {
  const Group group = make_thread_communicators(2, limits(40ms, 5s));
  const auto late = [](Communicator& self) {
    if (self.rank() == 1) std::this_thread::sleep_for(150ms);
    return self.barrier();
  };
  for (const Status& status : statuses(group, late)) CHECK(status.ok());
  CHECK(group[0]->stats().waits_us > 50'000);
  CHECK_CONTAINS(statuses(group, late)[0].text(), "waited 40 ms in barrier for rank 1");
}

TEST_CASE("a rank that leaves ends the wait at once") {
  Group group = make_thread_communicators(2);
  std::thread waiting;
  Status status;
  SUBCASE("while another waits") {
    waiting = std::thread([&] { status = group[0]->barrier(); });
    std::this_thread::sleep_for(20ms);
    group[1].reset();
  }
  SUBCASE("before another comes") {
    group[1].reset();
    waiting = std::thread([&] { status = group[0]->barrier(); });
  }
  waiting.join();
  CHECK_CONTAINS(status.text(), "rank 1 has left, and will not come to barrier");
}

TEST_CASE("tensors that do not fit their splits are refused before anything moves, on all ranks") {
  const Group group = make_thread_communicators(2);
  const auto all = statuses(group, [](Communicator& self) {
    Tensor in(1, self.rank() == 0 ? 3 : 4, 4), out(1, 8, 2);
    return self.exchange(one_tensor(self, in, out, 8));
  });
  CHECK_CONTAINS(all[0].text(), "the tensors do not fit the splits; got [1, 3, 4] of 8 bytes to [1, 8, 2] of 8 bytes; "
                                "accepted: 4 rows of 4 heads");
  CHECK_CONTAINS(all[1].text(), "rank 0 aborted: scatter_heads of q: the tensors do not fit");
}

TEST_CASE("a group without ranks is refused") { CHECK_THROWS_AS(make_thread_communicators(0), Error); }
