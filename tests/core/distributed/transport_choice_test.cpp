// Which transport a group gets, over a table of what ranks can do; and the vote itself.
#include "group.hpp"

#include "core/support/contains.hpp"

#include <fvattn/distributed/transport_choice.hpp>

#include <doctest/doctest.h>

using namespace fvattn;
using namespace fvattn::test;

namespace {

using Refusals = std::map<std::string, std::string>;

struct Row {
  const char* about;
  bool gpu, group;
  std::string forced;
  std::vector<Refusals> ranks;
  std::string name, reason, error;  // error: a part of it
};

const Refusals none, no_peer{{"peer", "no peer access"}}, no_ipc{{"peer", "no IPC"}}, no_nccl{{"nccl", "not found"}},
    nothing{{"peer", "no peer access"}, {"nccl", "not found"}, {"c10d", "gloo alone"}, {"mpi", "not built"}};

const Row kRows[] = {
    {"one rank alone", false, false, "", {none}, "local", "", ""},
    {"one rank with a GPU", true, true, "", {nothing}, "local", "", ""},
    {"CPU ranks", false, false, "", {none, none}, "mpi", "", ""},
    {"CPU ranks of a process group", false, true, "", {none, none}, "c10d", "", ""},
    {"GPUs that reach each other", true, false, "", {none, none, none}, "peer", "", ""},
    {"one does not", true, false, "", {none, no_peer, none}, "nccl", "peer: rank 1: no peer access", ""},
    {"two do not: the first says why", true, false, "", {none, no_ipc, no_peer}, "nccl", "peer: rank 1: no IPC", ""},
    {"the same with a process group", true, true, "", {no_peer, none}, "c10d", "peer: rank 0: no peer access", ""},
    {"nccl is missing elsewhere, unused", true, false, "", {none, no_nccl}, "peer", "", ""},
    {"nothing is left", true, false, "", {none, nothing}, "", "",
     "no transport connects these ranks; got peer: rank 1: no peer access; nccl: rank 1: not found"},
    {"CPU ranks without MPI", false, false, "", {none, nothing}, "", "", "mpi: rank 1: not built"},
    {"by name", true, true, "c10d", {none, none}, "c10d", "", ""},
    {"by name, in spite of the first choice", true, false, "nccl", {none, none}, "nccl", "", ""},
    {"by name, impossible: no silent fallback", true, true, "peer", {none, no_peer}, "", "",
     "the transport that was asked for cannot be used; got peer: rank 1: no peer access"},
    {"ce only by name", true, false, "ce", {none, none}, "ce", "", ""},
};

}  // namespace

TEST_CASE("the choice by what every rank can do") {
  for (const Row& row : kRows) {
    CAPTURE(row.about);
    std::vector<TransportVote> votes;
    for (const Refusals& refusals : row.ranks) votes.push_back({row.gpu, row.group, row.forced, refusals});
    const auto choice = choose_transport(votes);
    CHECK(choice.ok() == row.error.empty());
    if (choice) {
      CHECK(choice->name == row.name);
      CHECK(choice->fallback_reason == row.reason);
    } else {
      CHECK(choice.status().code == Code::unavailable);
      CHECK_CONTAINS(choice.status().text(), row.error);
    }
  }
}

TEST_CASE("ranks that want different things are told so") {
  const auto error = [](const TransportVote& zero, const TransportVote& one) {
    return choose_transport(std::vector<TransportVote>{zero, one}).status().text();
  };
  CHECK_CONTAINS(error({true, false, "", {}}, {false, false, "", {}}),
                 "ranks disagree on where their tensors are; got rank 0: cuda, rank 1: cpu");
  CHECK_CONTAINS(error({true, false, "", {}}, {true, false, "peer", {}}),
                 "ranks disagree on the transport; got rank 0: auto, rank 1: peer");
  CHECK_CONTAINS(error({true, false, "", {}}, {true, true, "", {}}), "process group; got rank 0: no, rank 1: yes");
}

TEST_CASE("the name in the environment") {
  const auto forced = [](std::map<std::string, std::string> values) {
    return forced_transport(Environment::from(std::move(values)));
  };
  CHECK(forced({}).value() == "");
  CHECK(forced({{env::kDistTransport, "auto"}}).value() == "");
  CHECK(forced({{env::kDistTransport, "peer"}}).value() == "peer");
  CHECK_CONTAINS(forced({{env::kDistTransport, "pear"}}).status().text(),
                 "names no transport; got 'pear'; accepted: auto, ");
}

TEST_CASE("a group votes: all ranks get the same, or the same error") {
  const auto votes = [](int device, const TransportVote& zero, const TransportVote& others) {
    const Group group = make_thread_communicators(3);
    std::vector<std::string> said(group.size());
    on_ranks(group, [&](Communicator& self) {
      const auto r = static_cast<size_t>(self.rank());
      const auto chosen = open_transport(group[r], device, r == 0 ? zero : others, {});
      said[r] = chosen ? (*chosen)->name() + "|" + (*chosen)->fallback_reason() : chosen.status().text();
    });
    CHECK(said[1] == said[0]);
    CHECK(said[2] == said[0]);
    return said[0];
  };
  CHECK(votes(-1, {false, false, "threads", {}}, {false, false, "threads", {}}) == "threads|");
  CHECK_CONTAINS(votes(-1, {false, false, "threads", {}}, {false, false, "", {}}), "ranks disagree on the transport");
  for (const char* name : {"peer", "ce", "nccl"})
    CHECK_CONTAINS(votes(-1, {false, false, name, {}}, {false, false, name, {}}),
                   std::string(name) + ": rank 0: it moves memory of GPUs, and the tensors are on the CPU");
  // Nobody here has a GPU of that number.
  constexpr int kNoSuchGpu = 1000;
  CHECK_CONTAINS(votes(kNoSuchGpu, {}, {}), "no transport connects these ranks; got peer: rank 0: ");
  for (const char* name : {"peer", "ce", "nccl"})
    CHECK_CONTAINS(votes(kNoSuchGpu, {false, false, name, {}}, {false, false, name, {}}),
                   std::string("the transport that was asked for cannot be used; got ") + name + ": rank 0: ");
  CHECK_CONTAINS(votes(kNoSuchGpu, {false, false, "threads", {}}, {false, false, "threads", {}}),
                 "threads: rank 0: it moves memory of the CPU, and the tensors are on a GPU");
}
