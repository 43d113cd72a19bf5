// All interleavings of a few straight-line programs over memory in which stores become visible late and in any order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fvattn::test {

/// One step of a rank. Every location has one writer.
struct Step {
  enum Kind {
    store,    // issues `value` for `location`; visible at any later time, only not before an earlier one for that location
    publish,  // the same, but not before all earlier stores of the rank
    wait,     // until `location` holds `value` or more
    load,     // `location` must hold exactly `value`
  };
  Kind kind;
  int location;
  uint64_t value;
};
using Program = std::vector<Step>;

struct Verdict {
  std::string fault;     // empty: none in any interleaving
  uint64_t states = 0;   // looked at
};

/// Runs the programs, one for each rank, in all ways. `locations` is how many there are; all hold 0. A fault is a load of
/// another value or a state in which nobody can go on. At most 3 programs, 40 stores each.
Verdict check_all(const std::vector<Program>& programs, int locations);

}  // namespace fvattn::test
