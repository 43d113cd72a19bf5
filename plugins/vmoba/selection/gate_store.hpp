// All gates of a sequence, for the domains that hold more than one query.
#pragma once

#include <cstdint>
#include <limits>

namespace vmoba {

/// data[(chunk * heads + head) * length + place]; the order of ties is that of the index. starts: places of the chunks,
/// counted in the sequence.
struct GateStore {
  float* data;
  int chunks, heads, length;
  const int* starts;
  int first_place;

  float* row(int chunk, int head) const { return data + (static_cast<std::int64_t>(chunk) * heads + head) * length; }
  /// Places [begin, end) of a chunk are those whose own chunk it is.
  int begin(int chunk) const { return starts[chunk] - first_place; }
  int end(int chunk) const { return starts[chunk + 1] - first_place; }
};

/// What selection leaves behind in place of the gates.
inline constexpr float kChosen = 1, kLeft = 0;

}  // namespace vmoba
