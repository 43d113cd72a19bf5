// The metadata of one denoising step: how layers are chunked, which chunks are selected, what runs dense.
#pragma once

#include "../selection/rule.hpp"

#include <fvattn/plugin.hpp>
#include <fvattn/vmoba/chunk_mode.hpp>
#include <fvattn/vmoba/chunk_size.hpp>

#include <array>
#include <vector>

namespace vmoba {

using fvattn::vmoba::ChunkMode;
using fvattn::vmoba::ChunkSize;
using fvattn::vmoba::Grid;

/// What layers of one mode do.
struct Chunking {
  ChunkSize size;
  std::int64_t topk;
  const char *size_key, *topk_key;
};

struct Config {
  Grid grid;
  std::array<Chunking, 3> chunkings;  // by ChunkMode
  Rule rule;                          // topk is the layer's
  fvattn::vmoba::LayerCycle cycle;
  std::int64_t first_full_step;
  bool full_warmup;
  std::vector<std::int64_t> dense_steps, dense_layers;

  /// Values with the defaults of the schema filled in; INVALID_ARGUMENT names the key.
  static Config read(const fvattn::plugin::KeyValues& values);

  const Chunking& chunking(std::int64_t layer) const {
    return chunkings[static_cast<std::size_t>(fvattn::vmoba::chunk_mode(layer, cycle))];
  }
  Rule rule_of(std::int64_t layer) const {
    Rule own = rule;
    own.topk = chunking(layer).topk;
    return own;
  }
  /// The layer runs as exact attention in every step; its chunks need not fit the grid.
  bool always_dense(std::int64_t layer) const;
  /// The layer runs as exact attention in that step.
  bool dense(std::int64_t step, std::int64_t layer) const;
  /// Some steps are dense and others are not.
  bool depends_on_step() const { return !dense_steps.empty() || (full_warmup && first_full_step > 0); }
};

}  // namespace vmoba
