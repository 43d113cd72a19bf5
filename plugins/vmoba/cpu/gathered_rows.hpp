// The rows that chose each chunk, in tiles of the engine: what its gather policy points to.
//
// Neighbouring rows of real clips choose chunks that unite to nearly all of them, so that a sweep of row tiles over the
// chunks that any of their rows chose costs as much as dense attention. Gathered, only what was chosen is computed.
#pragma once

#include "../chunks/partition.hpp"

#include <fvattn/engine/cpu/tiles.hpp>
#include <fvattn/engine/policies/gather.hpp>

#include <bit>

namespace vmoba::cpu {

using Tile = fvattn::engine::cpu::DefaultTile;

class GatheredRows {
 public:
  /// `partition` must outlive this. words: of a row's bits.
  GatheredRows(const Partition& partition, int words)
      : partition_(partition), words_(words), next_(static_cast<size_t>(partition.chunks())) {}

  /// Of the places [first, end) of `heads` heads of one batch entry; bits: [heads, rows, words]. Rows are listed in the
  /// order of their places.
  void fill(const std::uint32_t* bits, int heads, int rows, int first, int end);

  /// Slots of one head: tiles, each of Tile::kTileQ.
  int slots() const { return tiles_ * Tile::kTileQ; }
  template <class ChunkMap>
  fvattn::engine::GatherPolicy<ChunkMap> policy(const ChunkMap& chunks) const {
    const fvattn::engine::GatherMap map{rows_.data(), tiles_, heads_};
    return {map, {map}, chunks, chunk_of_tile_.data(), first_tile_.data()};
  }
  /// For each place of one filled head, in order: body(row, slots, count), the slots where the row lies.
  template <class Body>
  void each_row(const std::uint32_t* bits, int first, int end, Body&& body) {
    std::vector<int> slots(next_.size());
    start();
    for (int place = first; place < end; ++place) {
      const int row = partition_.row_of(place);
      int count = 0;
      each_chunk(bits, row, [&](int chunk) { slots[static_cast<size_t>(count++)] = next_[static_cast<size_t>(chunk)]++; });
      body(row, slots.data(), count);
    }
  }
  /// Chunks of a row in all: what each_row counts.
  int chosen(const std::uint32_t* bits, int row) const {
    int count = 0;
    for (int w = 0; w < words_; ++w) count += std::popcount(bits[static_cast<std::int64_t>(row) * words_ + w]);
    return count;
  }

 private:
  template <class Body>
  void each_chunk(const std::uint32_t* bits, int row, Body&& body) const {
    for (int w = 0; w < words_; ++w)
      for (std::uint32_t left = bits[static_cast<std::int64_t>(row) * words_ + w]; left != 0; left &= left - 1)
        body(w * 32 + std::countr_zero(left));
  }
  /// next_: the first slot of each chunk, of head 0.
  void start() {
    for (size_t c = 0; c < next_.size(); ++c) next_[c] = first_tile_[c] * Tile::kTileQ;
  }

  const Partition& partition_;
  const int words_;
  int heads_ = 0, tiles_ = 0;
  std::vector<int> next_, rows_, chunk_of_tile_, first_tile_;
};

}  // namespace vmoba::cpu
