// What the gathering forward kernel is launched with, and what its policy has beside the members of policy.hpp.
//
// Chunks of keys stay, the queries that want them come: a work item is a tile of query rows that a list names, and all of
// them attend the keys of one chunk. The output goes tile by tile to a buffer of partial results.
//
//   LinearMap q_map                       rows of the partial results: tile after tile
//   ChunkCopies kv_map                    the chunks
//   int kv_tile<T>(item, step)            counts inside the item's chunk: the step itself
//   bool work_item(index, item)           item `index` of all heads, or false past the last one. item.head is where the
//                                         search starts: 0, or that of an item before
//   int chunk(item)                       whose keys the item attends
//   const int* rows<kRows>(item)          its query rows, kNoRow where the tile is not full
#pragma once

#include "fvattn/engine/sm90/chunk_maps.cuh"
#include "fvattn/engine/sm90/forward_params.cuh"

namespace fvattn::engine::sm90 {

template <class P, class T = TileShape<128, 128>>
concept GatherPolicy = std::is_trivially_copyable_v<P> && requires(const P& p, WorkItem& item, int n) {
  { p.template steps<T>(item) } -> std::convertible_to<int>;
  { p.template needs_mask<T>(item, n) } -> std::convertible_to<bool>;
  { p.template mask<T>(item, n).visible(n, n) } -> std::convertible_to<bool>;
  { p.work_item(n, item) } -> std::convertible_to<bool>;
  { p.chunk(item) } -> std::convertible_to<int>;
  { p.template rows<T::kTileQ>(item) } -> std::convertible_to<const int*>;
};

template <class Policy>
struct GatherParams : ForwardParams<Policy> {
  TensorView queries; // of one batch entry
  int head_dim;
};

} // namespace fvattn::engine::sm90
