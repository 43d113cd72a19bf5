// What the kernels of one direction write besides the results: in what plan saved when it came with the call, else in the
// workspace.
#pragma once

#include "../schedule.hpp"
#include "kernels.cuh"

namespace vsa::gpu {

namespace plugin = fvattn::plugin;

/// [batch, blocks, heads, head_dim] of 16-bit elements, contiguous.
struct BlockTensor {
  std::uint16_t* data = nullptr;
  int64_t blocks = 0, heads = 0, dim = 0;

  static BlockTensor take(const fvattn_problem& p, int blocks, int heads, plugin::Workspace& workspace) {
    return {workspace.take<std::uint16_t>(p.batch * blocks * heads * p.head_dim), blocks, heads, p.head_dim};
  }
  operator sm80::ConstTensor() const { return {data, blocks * heads * dim, heads * dim, dim}; }
  operator sm80::MutableTensor() const { return {data, blocks * heads * dim, heads * dim, dim}; }
};

/// Lists as TileLists has them.
struct BlockLists {
  int *index = nullptr, *count = nullptr;
  int width = 0;
};

/// Names of saved tensors: block_index, block_count, q_c, k_c, v_c, out_c, lse_c.
struct ForwardMemory {
  BlockLists lists;
  BlockTensor q_c, k_c, v_c, out_c;  // means, and the coarse result
  float* lse_c = nullptr;            // [batch, heads, blocks]; gradients alone need it
  int* handed_out = nullptr;         // query blocks that the sm90 kernel has given to its CTAs

  /// Pointers into the workspace (null when it measures).
  ForwardMemory(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace);
  /// Saved tensors that came with the call take the place of the workspace.
  void use_saved(const plugin::Call& call);
};

/// Whether the sm90 engine computes the gradients of the fine branch. `hopper`: the device takes it.
bool backward_on_sm90(const fvattn_problem& p, const Metadata& meta, bool hopper);

struct BackwardMemory {
  BlockTensor d_out_c, d_q_c, d_k_c, d_v_c;
  float* delta = nullptr;  // of the fine branch
  int *inverse = nullptr, *totals = nullptr, *order = nullptr;  // order: on the sm90 engine
  long long* offsets = nullptr;
  void *coarse = nullptr, *fine = nullptr;  // the engine's

  /// on_sm90: the fine branch runs on that engine (backward_on_sm90).
  BackwardMemory(const fvattn_problem& p, const Metadata& meta, bool on_sm90, plugin::Workspace& workspace);
};

}  // namespace vsa::gpu
