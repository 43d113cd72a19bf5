// What the policy asks beside the bits: the chunks of each query tile, and the query tiles of each chunk.
#pragma once

#include "../chunks/partition.hpp"

#include <fvattn/engine/cpu/tiles.hpp>
#include <fvattn/engine/policies/row_mask.hpp>

namespace vmoba::cpu {

/// Query tiles lie inside one chunk each, so that their rows share a sequence, an own chunk, and often the others.
class ChunkLists {
 public:
  ChunkLists(const fvattn_problem& p, const Limits& limits, fvattn::plugin::Workspace& workspace);

  /// From the bits of every row, on the host's threads.
  void fill(const Partition& partition, const std::uint32_t* bits);

  fvattn::engine::TileLists lists() const { return {list_, count_, problem_.heads, q_tiles_, width_}; }
  fvattn::engine::InverseLists inverse() const { return {inverse_, offsets_, problem_.heads, chunks_}; }

 private:
  void fill_head(const Partition& partition, const std::uint32_t* bits, std::int64_t list);
  void invert();

  const fvattn_problem& problem_;
  int width_, words_, q_tiles_ = 0, chunks_ = 0;
  int *list_, *count_, *inverse_;
  long long* offsets_;
};

}  // namespace vmoba::cpu
