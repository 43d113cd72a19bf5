// Which key blocks each query block attends.
#pragma once

#include "arguments.hpp"

namespace vsa::cpu {

/// index [batch, heads, blocks, width] ascending, count [batch, heads, blocks] entries of it.
struct BlockLists {
  int *index = nullptr, *count = nullptr;
  int width = 0;

  /// From what plan saved when it came with the call, else from the workspace. Takes nothing when no step needs lists.
  static BlockLists take(const plugin::Call& call, plugin::Workspace& workspace);
  static void measure(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace);
};

/// The transposed lists: list[offsets[row] .. offsets[row + 1]) are the query blocks that attend key block `row` of
/// [batch, heads, blocks], ascending.
struct InverseBlocks {
  int* list = nullptr;
  long long* offsets = nullptr;  // [batch * heads * blocks + 1]

  static InverseBlocks take(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace);
  void build(const fvattn_problem& p, int blocks, const BlockLists& lists) const;
};

/// The lists of a call's block_index and block_count, sorted. INVALID_ARGUMENT for blocks that do not exist or come twice.
void read_given(const plugin::Call& call, int blocks, const BlockLists& lists);

/// The k largest of scores[0 .. n), the lowest index among equal ones, ascending. NaN counts as -inf. `order` is scratch.
template <class T>
void select_top(const T* scores, int n, int k, std::vector<int>& order, int* list);

}  // namespace vsa::cpu
