// Contenders take turns until their times stand still.
#pragma once

#include "bench/timer.hpp"

#include <string>
#include <vector>

namespace fvattn::bench {

struct Sample {
  double ms = 0, least = 0, most = 0;  // median and range over rounds, of one call
  double cold_ms = 0;                  // median with cold caches; 0 if not asked for
  int rounds = 0, calls = 0;           // calls in each round
  bool steady = false;                 // false: time ran out first
};

struct Patience {
  double round_ms = 60;   // a round of one contender takes about this long
  double pause_ms = 100;  // before each round on a GPU: power and clocks recover
  double seconds = 20;    // for one workload, all contenders together
  int least_rounds = 5, most_rounds = 25;
  bool cold = false;
};

double median(std::vector<double> values);

/// True if the last five rounds differ by no more than 2 % and their median by no more than 1 % from that of all rounds.
bool is_steady(const std::vector<double>& rounds, int least_rounds);

/// One sample for each of `works`, in order. Interleaved (A, B, A, B, ...), each round after one call that is not timed.
std::vector<Sample> take_turns(const std::vector<Work>& works, at::Device device, const Patience& patience);

}  // namespace fvattn::bench
