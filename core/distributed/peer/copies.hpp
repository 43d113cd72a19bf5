// What copy engines do of a push: rectangles of bytes. Pure arithmetic.
#pragma once

#include "push.hpp"

#include <vector>

namespace fvattn::peer {

/// `height` rows of `width` bytes, their begins `*_pitch` bytes apart; a height of 1 is one run, of any length.
struct Copy2D {
  const std::byte* source = nullptr;
  std::byte* target = nullptr;
  int64_t source_pitch = 0, target_pitch = 0, width = 0, height = 0;
  bool operator==(const Copy2D&) const = default;
};

/// The fewest rectangles of a job: one where batches follow each other like rows, or touch, else one for each batch. Of the
/// first slot.
std::vector<Copy2D> copies_of(const Job& job);

/// Those of all jobs of a push.
std::vector<Copy2D> copies_of(const Push& push);

}  // namespace fvattn::peer
