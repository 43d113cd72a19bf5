// For each (head, chunk) the query rows that chose it: the form of attention in which chunks stay and queries come.
#pragma once

#include "choice_bits.hpp"
#include "policies.hpp"
#include "sm90_gather.hpp"
#include "sm90_gradients.hpp"

#include <cuda_runtime_api.h>
#include <fvattn/plugin/workspace.hpp>

namespace vmoba::gpu {

/// What the lists of a head have room for.
struct GatherRoom {
  int tile = 0;    // rows of a query tile; every chunk starts a tile of its own
  int tiles = 0;   // of one pass: partial results exist for one pass at a time
  int passes = 0;  // 0: no lists
  int width = 0;   // chunks of a row at most

  /// For `chunks` chunks a query on average.
  static GatherRoom of(int chunks, int tokens, int most_chunks, int width, int tile);
};

/// Of one batch entry.
class GatherLists {
 public:
  /// may_overflow: heads may have more rows than there is room for. They then get no lists, and form() tells.
  GatherLists(const GatherRoom& room, int heads, int kv_heads, int tokens, int most_chunks, bool may_overflow,
              fvattn::plugin::Workspace& workspace);

  /// From the bits of every row, on the stream.
  cudaError_t fill(const ChoiceBits& bits, cudaStream_t stream) const;
  Gather policy(const Chunks& chunks, int pass) const;
  Sm90Gather sm90_policy(const engine::sm90::ChunkCopies& chunks, int pass) const;
  /// Of all passes: there are no partial results.
  Sm90Gradients sm90_gradients(const Chunks& chunks) const;

  const GatherRoom& room() const { return room_; }
  /// Rows of partial results of a head.
  int partial_rows() const { return room_.tiles * room_.tile; }
  /// slots[(i * heads + head) * tokens + row]: the i-th listed row of a query, pass * partial_rows() + partial row,
  /// ascending; -1 behind the last one, unless there are room().width of them.
  const int* slots() const { return slots_; }
  /// form[head]: 0 gathered, 1 it has no lists (nor have the other heads of its group); null: all are gathered.
  const int* form() const { return form_; }

 private:
  ListedRows rows_of(int pass) const;

  GatherRoom room_;
  int heads_, kv_heads_, tokens_, chunks_, segments_;
  int *rows_, *chunk_of_tile_, *blocks_done_, *first_tile_, *first_item_, *segment_, *slots_, *form_ = nullptr;
  int64_t cleared_;  // ints from rows_ on
};

}  // namespace vmoba::gpu
