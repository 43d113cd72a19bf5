// In which order CTAs take key blocks for their gradients. Host and device.
#pragma once

#include <fvattn/engine/portable.hpp>

namespace vsa::gpu {

inline constexpr int kMostOrdered = (1 << 21) - 1;       // key blocks of all heads of a batch entry
inline constexpr int kStarts = 128, kLengths = 64;       // the order tells so many starts and lengths apart
inline constexpr int kPlaces = kStarts * kLengths;
inline constexpr int kStepsAround = 3;                   // what begin and end of a CTA take, in steps of its list

/// What the order of the key blocks of a batch entry goes by.
struct KeyOrder {
  long long all_steps;  // of all key blocks, kStepsAround for each included
  int heads;            // kv heads
  int most_visits;      // that a key block can have
  int ctas;             // CTAs that run at once

  /// Places are taken in ascending order. Key blocks go head by head, since CTAs that run at once then read the same queries
  /// and add to the same part of d_q, which stays in the L2 cache; and in a head longest first, since lists of like length
  /// walk the queries in step. A list that would still run when everything else has ended starts sooner than its head.
  FVATTN_BOTH int place(int head, long long visits) const {
    const int starts = heads < kStarts ? kStarts / heads * heads : kStarts;
    const int start = static_cast<int>(static_cast<long long>(head) * starts / heads);
    const long long spare = all_steps - (visits + kStepsAround) * ctas;  // of all CTAs together, beside this list
    const int latest = spare > 0 ? static_cast<int>(spare * starts / all_steps) : 0;
    const int shortness = kLengths - 1 - static_cast<int>(visits * (kLengths - 1) / most_visits);
    return (latest < start ? latest : start) * kLengths + shortness;
  }
};

}  // namespace vsa::gpu
