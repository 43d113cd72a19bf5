// The chunks of one batch entry as kernels see them. A place is a token's number in the order in which chunks are
// contiguous; a row its number in memory.
#pragma once

#include <fvattn/engine/policies/chunk_maps.hpp>

namespace vmoba::gpu {

namespace engine = fvattn::engine;

/// rows[place], or the place itself where there is no table. A table, because the divisions of box arithmetic cost kernels
/// registers that they do not have.
struct PlaceMap {
  const int* rows = nullptr;

  FVATTN_BOTH int row_of(int place) const { return rows != nullptr ? rows[place] : place; }
};

/// Some heads of a call: those that `form` gives this number, or all without a list. Heads of a group have the same number.
struct HeadSet {
  const int* form = nullptr;  // [heads]
  int number = 0;

  FVATTN_BOTH bool has(int head) const { return form == nullptr || form[head] == number; }
};

/// Token map: each chunk cut into tiles of its places. Chunk c has the places [starts[c], starts[c + 1]), at most `longest`.
/// Heads outside of the set have no tokens.
struct ChunkMap {
  const int* starts = nullptr;  // [count + 1]
  int count = 0, longest = 0;
  PlaceMap places = {};
  HeadSet heads = {};

  FVATTN_BOTH int chunks() const { return count; }
  template <int kRows>
  FVATTN_BOTH int tiles_per_chunk() const {
    return engine::ceil_div(longest, kRows);
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return count * tiles_per_chunk<kRows>();
  }
  template <int kRows>
  FVATTN_BOTH int row(const engine::WorkItem& item, int tile, int slot) const {
    const int number = tile / tiles_per_chunk<kRows>(), at = starts[number] + tile % tiles_per_chunk<kRows>() * kRows + slot;
    return at < starts[number + 1] && heads.has(item.head) ? places.row_of(at) : engine::kNoRow;
  }
  /// Slots at the front of the tile that hold a token; all others hold none.
  template <int kRows>
  FVATTN_BOTH int present(int tile) const {
    const int number = tile / tiles_per_chunk<kRows>(), first = starts[number] + tile % tiles_per_chunk<kRows>() * kRows;
    return engine::larger(0, engine::smaller(kRows, starts[number + 1] - first));
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    return present<kRows>(tile) == kRows;
  }
};

/// Sequence s has the chunks [sequence_chunks[s], sequence_chunks[s + 1]). Chunks past the last one are empty.
struct Chunks {
  ChunkMap map;
  const int* sequence_chunks = nullptr;  // [sequences + 1]
  const int* sequence_of = nullptr;      // [map.count]
  int sequences = 1, of_sequence = 0, tokens = 0;  // of_sequence: chunks of a sequence at most

  FVATTN_BOTH int chunk_of(int place) const {
    int low = 0, high = map.count - 1;  // the last chunk that starts at or before the place
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (map.starts[middle] <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
};

}  // namespace vmoba::gpu
