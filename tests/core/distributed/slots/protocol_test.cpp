// The slot protocol under all interleavings and delays of its stores; and that the checker sees what is wrong where a part
// of the protocol is missing.
#include "checker.hpp"

#include "distributed/slots/protocol.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

using namespace fvattn;
using namespace fvattn::slots;
using namespace fvattn::test;

namespace {

/// Writes down what the protocol's own code asks of memory. Flags are locations from 0 on.
struct Recorder {
  const Epoch* base;
  Program& program;

  bool wait(const Epoch* flag, Epoch least, int) {
    program.push_back({Step::wait, static_cast<int>(flag - base), least});
    return true;
  }
  void publish(Epoch* flag, Epoch value) { program.push_back({Step::publish, static_cast<int>(flag - base), value}); }
};

struct Group {
  explicit Group(const Shape& s) : shape(s), memory(static_cast<size_t>(s.ranks * Flags::count(s.ranks, s.writers))) {
    for (int r = 0; r < s.ranks; ++r) {
      Epoch* own = memory.data() + r * Flags::count(s.ranks, s.writers);
      flags.push_back({own, own + s.ranks * s.writers});
    }
  }
  // The words that a writer of `source` writes into a slot of `owner`.
  int data(int owner, int slot, int source, int writer) const {
    return static_cast<int>(memory.size()) +
           ((owner * shape.slots + slot) * shape.ranks + source) * shape.writers + writer;
  }
  int locations() const { return data(shape.ranks, 0, 0, 0); }

  const Shape shape;
  std::vector<Epoch> memory;
  std::vector<Flags> flags;
};

/// A rank's whole life. The loads, as those of attention, take time: they happen at two moments.
Program program_of(Group& group, int rank, Epoch epochs, bool reads_late = false) {
  Program program;
  Recorder recorder{group.memory.data(), program};
  const Shape& s = group.shape;
  Protocol protocol(s, rank, group.flags.data(), recorder);
  const auto read = [&](Epoch e) {
    for (int twice = 0; twice < 2; ++twice)
      for (int source = 0; source < s.ranks; ++source)
        for (int w = 0; w < s.writers; ++w)
          if (source != rank) program.push_back({Step::load, group.data(rank, s.slot_of(e), source, w), e});
    protocol.after_read(e);
  };
  // With `entry` the memory may have had another use before.
  for (int source = 0; s.entry && source < s.ranks; ++source)
    if (source != rank) program.push_back({Step::load, group.data(rank, s.slot_of(1), source, 0), 0});
  protocol.after_read(0);
  for (Epoch e = 1; e <= epochs; ++e) {
    for (int i = 1; i <= s.ranks; ++i) {
      const int peer = (rank + i) % s.ranks;
      if (peer == rank) continue;  // what stays at home needs no protocol
      CHECK(protocol.before_write(peer, e));
      for (int w = 0; w < s.writers; ++w) {
        program.push_back({Step::store, group.data(peer, s.slot_of(e), rank, w), e});
        protocol.after_write(peer, w, e);
      }
    }
    if (reads_late && e > 1) read(e - 1);  // a second stream: attention of e - 1 next to the exchange of e
    for (int w = 0; w < s.writers; ++w) protocol.after_write(rank, w, e);
    CHECK(protocol.before_read(e));
    if (!reads_late) read(e);
  }
  return program;
}

using Change = std::function<void(Program&, int rank)>;

Verdict verdict(const Shape& shape, Epoch epochs, bool reads_late = false, const Change& change = {}) {
  Group group(shape);
  std::vector<Program> programs;
  for (int r = 0; r < shape.ranks; ++r) {
    programs.push_back(program_of(group, r, epochs, reads_late));
    if (change) change(programs.back(), r);
  }
  return check_all(programs, group.locations());
}

// Without the fence a flag is a store like any other.
void remove_fences(Program& program, int rank) {
  if (rank != 0) return;
  for (Step& step : program)
    if (step.kind == Step::publish) step.kind = Step::store;
}

Change remove_wait(int number) {
  return [number](Program& program, int rank) {
    if (rank != 0) return;
    int seen = 0;
    for (size_t i = 0; i < program.size(); ++i)
      if (program[i].kind == Step::wait && seen++ == number) {
        program.erase(program.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
  };
}

int waits_for_others(const Shape& shape, Epoch epochs) {
  Group group(shape);
  int count = 0;
  for (const Step& step : program_of(group, 0, epochs)) count += step.kind == Step::wait;
  return count;
}

/// Exchanges through two slots and, where `lent` has their bit, into a third place by entry, as peer does with memory that
/// it lends.
Program mixed_program_of(Group& group, int rank, Epoch epochs, unsigned lent) {
  Program program;
  Recorder recorder{group.memory.data(), program};
  const int ranks = group.shape.ranks;
  constexpr int kLent = 2;
  for (Epoch e = 1; e <= epochs; ++e) {
    const bool is_lent = (lent >> e & 1) != 0;
    const Shape shape{ranks, 1, is_lent ? 1 : 2, is_lent};
    const int place = is_lent ? kLent : shape.slot_of(e);
    Protocol protocol(shape, rank, group.flags.data(), recorder);
    if (is_lent) protocol.after_read(e - 1);
    for (int i = 1; i < ranks; ++i) {
      const int peer = (rank + i) % ranks;
      CHECK(protocol.before_write(peer, e));
      program.push_back({Step::store, group.data(peer, place, rank, 0), e});
      protocol.after_write(peer, 0, e);
    }
    protocol.after_write(rank, 0, e);
    CHECK(protocol.before_read(e));
    for (int twice = 0; twice < 2; ++twice)
      for (int source = 0; source < ranks; ++source)
        if (source != rank) program.push_back({Step::load, group.data(rank, place, source, 0), e});
  }
  return program;
}

Verdict mixed_verdict(int ranks, Epoch epochs, unsigned lent, const Change& change = {}) {
  Group group({ranks, 1, 3, false});
  std::vector<Program> programs;
  for (int r = 0; r < ranks; ++r) {
    programs.push_back(mixed_program_of(group, r, epochs, lent));
    if (change) change(programs.back(), r);
  }
  return check_all(programs, group.locations());
}

constexpr Shape kTwoSlots2{2, 1, 2, false}, kTwoSlots3{3, 1, 2, false}, kOneSlot2{2, 1, 1, true}, kOneSlot3{3, 1, 1, true};

}  // namespace

TEST_CASE("no interleaving of two or three ranks reads what does not belong there, nor stops") {
  const struct {
    Shape shape;
    Epoch epochs;
  } cases[] = {{kTwoSlots2, 5}, {kTwoSlots3, 3},       {kOneSlot2, 5},
               {kOneSlot3, 3},  {{2, 2, 2, false}, 3}, {{2, 2, 1, true}, 3}};
  for (const auto& [shape, epochs] : cases) {
    CAPTURE(shape.ranks);
    CAPTURE(shape.slots);
    const Verdict v = verdict(shape, epochs);
    CHECK(v.fault == "");
    CHECK(v.states > 500);
    MESSAGE(shape.ranks, " ranks, ", shape.slots, " slots, ", epochs, " exchanges: ", v.states, " states");
  }
}

TEST_CASE("exchanges through slots and into lent memory go together in any order") {
  constexpr Epoch kEpochs = 4;
  for (unsigned lent = 0; lent < 1U << kEpochs; ++lent) {
    CAPTURE(lent);
    CHECK(mixed_verdict(2, kEpochs, lent << 1).fault == "");
  }
  for (unsigned lent = 0; lent < 8; ++lent) CHECK(mixed_verdict(3, 3, lent << 1).fault == "");
  // The second exchange into lent memory without the word that the first has been read.
  CHECK(mixed_verdict(2, 2, 0b110, remove_wait(3)).fault != "");
  CHECK(mixed_verdict(2, 3, 0b1010, remove_wait(5)).fault == "");  // the exchange between them says as much
}

TEST_CASE("a missing fence is seen") {
  for (const Shape& shape : {kTwoSlots2, kTwoSlots3, kOneSlot2, kOneSlot3}) {
    CAPTURE(shape.ranks);
    CHECK(verdict(shape, 3, false, remove_fences).fault.find("belongs") != std::string::npos);
  }
}

TEST_CASE("each single missing wait is seen, but that for oneself") {
  for (const Shape& shape : {kTwoSlots2, kOneSlot2}) {
    const Epoch epochs = 4;
    const int waits = waits_for_others(shape, epochs);
    int seen = 0;
    for (int i = 0; i < waits; ++i) seen += verdict(shape, epochs, false, remove_wait(i)).fault != "";
    const int own = static_cast<int>(epochs);
    CAPTURE(shape.slots);
    CHECK(seen == waits - own);
  }
}

TEST_CASE("one slot without its entry wait is seen, and so are two whose reads are not in the writer's order") {
  CHECK(verdict({2, 1, 1, false}, 3).fault != "");
  CHECK(verdict({3, 1, 1, false}, 2).fault != "");
  CHECK(verdict({2, 1, 2, false}, 4, true).fault != "");
  CHECK(verdict({2, 1, 2, true}, 4, true).fault == "");
}

TEST_CASE("ranks that wait for each other in the wrong order are seen to stop") {
  const auto reads_before_it_writes = [](Program& program, int) {
    std::stable_partition(program.begin(), program.end(), [](const Step& s) { return s.kind == Step::wait; });
  };
  CHECK(verdict(kTwoSlots2, 2, false, reads_before_it_writes).fault == "nobody can go on");
}
