// What the passes over a domain know of its cut so far.
#pragma once

#include "../selection/shares.hpp"
#include "cut_domains.cuh"

#include <cmath>

namespace vmoba::gpu {

inline constexpr double kUnit = 4294967296.0;  // of the sums of shares
inline constexpr long long kAllTies = 0x7FFFFFFFFFFFFFFFll;
inline constexpr Cut kNothing{0xFFFFFFFFu, 0}, kEverything{0, kAllTies};

/// The best entries until so many are there, or until their shares reach what remains.
struct Goal {
  bool by_count;
  long long wanted;
  Shares shares;
  double remaining;

  __device__ unsigned long long weight(float gate) const {
    return by_count ? 0 : static_cast<unsigned long long>(shares.norm(gate) * kUnit + 0.5);
  }
  __device__ bool reached(long long count, unsigned long long sum) const {
    return by_count ? count >= wanted : shares.reached(static_cast<double>(sum) / kUnit, remaining);
  }
  /// How many of `count` entries with the same share are still needed.
  __device__ long long ties(long long before, unsigned long long sum_before, float gate, long long count) const {
    if (by_count) return wanted - before;
    const double share = static_cast<double>(weight(gate)) / kUnit, sum = static_cast<double>(sum_before) / kUnit;
    if (share <= 0) return 1;
    const double needed = ceil((remaining * shares.total() - sum) / share);
    long long ties = needed < 1 ? 1 : needed > static_cast<double>(count) ? count : static_cast<long long>(needed);
    while (ties > 1 && shares.reached(sum + static_cast<double>(ties - 1) * share, remaining)) --ties;
    while (ties < count && !shares.reached(sum + static_cast<double>(ties) * share, remaining)) ++ties;
    return ties;
  }
};

/// One domain between passes. done: its cut is final.
struct DomainCut {
  Goal goal;
  long long before, ties;  // chosen entries above the prefix; ties of the last key that are chosen
  unsigned long long sum_before;
  std::uint32_t prefix;  // the digits found so far, right-aligned
  bool done;
};

struct Bin {
  unsigned long long sum;
  unsigned count;
};

}  // namespace vmoba::gpu
