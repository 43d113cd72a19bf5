// What one denoising step asks of VIDEO_SPARSE_ATTN, for all layers: the blocks of the grid, and how many are kept.
#pragma once

#include <fvattn/plugin.hpp>
#include <fvattn/vsa/tiles.hpp>

#include <algorithm>

namespace vsa {

using fvattn::vsa::Triple;

/// The blocks of the token grid and where their tokens lie in the tensors of a call.
struct Blocks {
  Triple grid{}, tile{};
  bool tiled = false;         // tensors come in tile order, padded
  int count = 0, volume = 0;  // blocks; slots of one block
  int64_t tokens = 0;
  std::vector<int32_t> sizes;  // [count] tokens of each block
  std::vector<int32_t> rows;   // [count * volume] tensor row of each slot, the tokens of a block first

  Blocks(const Triple& grid, const Triple& tile, bool tiled);
  /// Rows of q, k and v.
  int64_t length() const { return tiled ? int64_t{count} * volume : tokens; }
};

/// VSA_sparsity: one number, one of each layer, or one of each step and layer.
class Sparsity {
 public:
  explicit Sparsity(const fvattn::plugin::KeyValues& values);
  /// INVALID_ARGUMENT, naming the key, for a step or layer outside the table.
  double at(int64_t step, int64_t layer) const;
  /// Rows of the table: the steps it tells apart.
  int64_t steps() const { return steps_; }
  bool any() const {
    return std::any_of(values_.begin(), values_.end(), [](double value) { return value != 0; });
  }

 private:
  std::vector<double> values_;
  int64_t steps_ = 1, layers_ = 1;
  bool per_layer_ = false, per_step_ = false;
};

/// Immutable once built.
class Metadata {
 public:
  explicit Metadata(const fvattn::plugin::KeyValues& values);

  const Blocks& blocks() const { return blocks_; }
  /// This layer attends every key in this step, without a coarse branch.
  bool dense(int64_t step, int64_t layer) const {
    return contains(dense_steps_, step) || contains(dense_layers_, layer);
  }
  bool always_dense(int64_t layer) const { return contains(dense_layers_, layer); }
  bool per_step() const { return sparsity_.steps() > 1 || !dense_steps_.empty(); }
  /// Key blocks that each query block keeps, 0 to blocks().count.
  int kept(int64_t step, int64_t layer) const;
  /// The most over all steps that leave some block out; `lists` becomes true when there is such a step.
  int most_kept(int64_t layer, bool& lists) const;
  bool any_sparsity() const { return sparsity_.any(); }

 private:
  static bool contains(const std::vector<int64_t>& list, int64_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }

  Blocks blocks_;
  Sparsity sparsity_;
  std::vector<int64_t> dense_steps_, dense_layers_;
  bool reference_topk_;
};

fvattn::plugin::Schema meta_keys();

}  // namespace vsa
