// The chunks of one call. A place is a token's number in the order in which chunks are contiguous; a row its raster number.
#pragma once

#include "limits.hpp"

#include <fvattn/engine/policies/chunk_maps.hpp>

#include <vector>

namespace vmoba {

/// A batch entry, or a packed sequence: places [first_place, first_place + length) of batch entry `batch`, cut into chunks
/// [first_chunk, first_chunk + chunks).
struct Sequence {
  int batch, first_place, length, first_chunk, chunks;
};

class Partition {
 public:
  /// Reads cu_seqlens_q where there is one; INVALID_ARGUMENT when it does not fit, or differs from cu_seqlens_k.
  Partition(const fvattn::plugin::Call& call, const Config& config, const Limits& limits);

  const std::vector<Sequence>& sequences() const { return sequences_; }
  /// Chunks of a batch entry.
  int chunks() const { return static_cast<int>(starts_.size()) - 1; }
  /// Chunk c of a batch entry has the places [starts()[c], starts()[c + 1]).
  const int* starts() const { return starts_.data(); }
  int chunk_of(int place) const;
  int row_of(int place) const { return rows_.empty() ? place : rows_[static_cast<std::size_t>(place)]; }

  bool is_boxes() const { return !rows_.empty(); }
  fvattn::engine::ChunkBoxMap boxes() const { return {grid_, box_}; }
  fvattn::engine::ChunkRunMap runs() const { return {starts(), chunks(), longest_}; }

 private:
  std::vector<Sequence> sequences_;
  std::vector<int> starts_{0}, rows_;
  fvattn::engine::Extent3 grid_, box_;
  int longest_ = 1;
};

/// The boundaries of packed sequences: [n + 1] values from 0 to the tokens of q, the same for q and k.
const int* checked_sequences(const fvattn::plugin::Call& call);

}  // namespace vmoba
