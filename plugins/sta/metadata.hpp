// The metadata of one denoising step, checked.
#pragma once

#include <fvattn/engine/token_map.hpp>
#include <fvattn/plugin.hpp>
#include <fvattn/sta/strategy.hpp>

#include <memory>
#include <vector>

namespace sta {

using fvattn::engine::Extent3;
using fvattn::sta::Strategy;
using fvattn::sta::Window;

enum class Mode { inference, searching, none };

/// Immutable; shared by layers and threads.
struct Metadata {
  /// INVALID_ARGUMENT naming the key.
  explicit Metadata(const fvattn::plugin::KeyValues& values);

  Extent3 grid, tile;
  Mode mode = Mode::inference;
  bool tiled = false, rescale_steps = false;
  std::vector<Window> windows;               // window_size: one, or one for each head; empty: not given
  std::shared_ptr<const Strategy> strategy;  // STA_param; null: not given
  std::vector<Window> candidates;
  std::vector<int64_t> dense_steps, dense_layers;
};

/// The strategy in a file, from memory as long as the file stays as it is. FAILED_PRECONDITION if it cannot be read or is
/// malformed; `who` is the key that named it. Thread-safe.
std::shared_ptr<const Strategy> strategy_of_file(const std::string& path, const char* who);

}  // namespace sta
