// Who holds which rows and heads in sequence parallelism, and which bytes move. Pure functions of numbers: no torch, no
// devices, no state. Transports and tests share them.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/status.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

struct Range {
  int64_t begin = 0, size = 0;
  int64_t end() const { return begin + size; }
  bool operator==(const Range&) const = default;
};
/// One range for each rank, by rank.
using Ranges = std::vector<Range>;

/// Consecutive ranges of these sizes, from 0.
Ranges consecutive(std::span<const int64_t> sizes);
/// `total` over `parts` consecutive ranges by largest remainder: all get total / parts, the first total % parts one more.
Ranges split_evenly(int64_t total, int parts);
/// End of the last range; 0 for none.
int64_t total_of(const Ranges& ranges);

/// The heads of each rank. Query ranges are consecutive and cover all heads; key-value ranges are the heads that those
/// queries use, so they overlap where kv heads are replicated. A rank without query heads has no kv heads.
struct HeadSplit {
  Ranges q, kv;
  /// True if some kv head is on several ranks.
  bool replicates_kv() const;
  /// Largest share over mean share of query heads, 1 = even.
  double imbalance() const;
  bool operator==(const HeadSplit&) const = default;
};
/// With at least as many kv heads as ranks, kv heads are split evenly and their query groups follow (12 over 8: 2 2 2 2 1 1
/// 1 1). With fewer, each rank that works has one kv head and an even part of its group, and ranks beyond the number of
/// query heads have none. INVALID_ARGUMENT unless kv_heads divides heads and all are positive.
Result<HeadSplit> split_heads(int64_t heads, int64_t kv_heads, int ranks);

/// How one tensor moves. H = heads of the whole tensor, h(r) = heads[r].size, s(r) = sequence[r].size, S = sum of s.
enum class Pattern {
  scatter_heads,  // [B, s(r), H, D] -> [B, S, h(r), D]: the whole sequence of the rank's heads; heads may overlap
  gather_heads,   // [B, S, h(r), D] -> [B, s(r), H, D]: the inverse; heads must not overlap
  all_gather_heads,  // [B, S, h(r), D] on each rank -> [B, S, H, D] on all; `sequence` is of one range, S rows
  stack_heads,       // its adjoint before the sum: [B, S, H, D] -> [B, P*S, h(r), D], the parts of all ranks in rank order
};
const char* to_string(Pattern pattern);

/// A rectangle of rows and heads that goes from one rank to another, in the rows and heads of the two tensors.
struct Block {
  int64_t source_row = 0, target_row = 0, rows = 0;
  int64_t source_head = 0, target_head = 0, heads = 0;
  bool operator==(const Block&) const = default;
};
/// What `source` sends to `target`; empty blocks have rows or heads 0. Ranks are in range.
Block block_between(Pattern pattern, const Ranges& sequence, const Ranges& heads, int source, int target);

/// Where a tensor [batches, rows, heads, D] lies: strides in bytes, heads and their elements dense within a row.
/// Does not own.
struct Layout {
  std::byte* data = nullptr;
  int64_t batches = 0, rows = 0, heads = 0;
  int64_t head_bytes = 0, row_stride = 0, batch_stride = 0;
};

/// A run of bytes, as offsets from the data of the two tensors.
struct Run {
  int64_t source = 0, target = 0, bytes = 0;
  bool operator==(const Run&) const = default;
};
/// The bytes of a block, batch by batch and row by row; neighbours that touch on both sides are one run. `target_rows`
/// (empty: none) is a permutation that the exchange applies: row i of the target tensor goes to row target_rows[i], so
/// that tiled backends get tiles without a pass of their own. `source_rows` likewise for the way back.
std::vector<Run> byte_runs(const Block& block, const Layout& source, const Layout& target,
                           std::span<const int64_t> target_rows = {}, std::span<const int64_t> source_rows = {});
/// memcpy of byte_runs, without the list. Returns the bytes moved.
int64_t copy_block(const Block& block, const Layout& source, const Layout& target);

}  // namespace fvattn
