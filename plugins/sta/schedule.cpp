#include "schedule.hpp"

#include <fvattn/sta/tile_order.hpp>

#include <algorithm>

namespace sta {

using namespace fvattn::plugin;
using namespace fvattn::engine;

namespace {

bool holds(const std::vector<int64_t>& list, int64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

int heads_of_all_ranks(const fvattn_problem& p) { return p.heads_global > 0 ? p.heads_global : p.heads; }

}  // namespace

Schedule::Schedule(const fvattn_problem& p, const Metadata& m, const std::string& strategy_file)
    : grid_(m.grid),
      // A tile larger than the grid is the grid: fewer shapes for the boxes.
      tile_{smaller(m.tile.t, m.grid.t), smaller(m.tile.h, m.grid.h), smaller(m.tile.w, m.grid.w)},
      tiles_{ceil_div(grid_.t, tile_.t), ceil_div(grid_.h, tile_.h), ceil_div(grid_.w, tile_.w)},
      text_(static_cast<int>(p.text_len)),
      heads_(p.heads),
      layer_(p.layer_index),
      head_offset_(p.head_offset),
      rescale_(m.rescale_steps),
      dense_steps_(m.dense_steps) {
  const int64_t video = p.q_len - p.text_len;
  if (grid_.volume() != video)
    fail(FVATTN_INVALID_ARGUMENT,
         "the grid of dit_seq_shape, %d x %d x %d, has %d tokens; q has %lld rows of video (and %lld of text)", grid_.t,
         grid_.h, grid_.w, grid_.volume(), static_cast<long long>(video), static_cast<long long>(p.text_len));
  full_.assign(static_cast<size_t>(heads_), {2 * tiles_.t + 1, 2 * tiles_.h + 1, 2 * tiles_.w + 1});
  if (m.mode == Mode::inference && !holds(m.dense_layers, layer_)) {
    if (!m.windows.empty())
      use_windows(m.windows, p);
    else if (m.strategy)
      use_strategy(*m.strategy, p);
    else if (!strategy_file.empty())
      use_strategy(*strategy_of_file(strategy_file, "FASTVIDEO_ATTENTION_CONFIG"), p);
    else
      fail(FVATTN_INVALID_ARGUMENT,
           "FASTVIDEO_ATTENTION_CONFIG is not set, and the metadata has no windows; give window_size or STA_param, or "
           "STA_mode=None for full windows");
  }
  if (m.mode == Mode::searching)
    for (const Window& window : m.candidates) {
      candidate_windows_.insert(candidate_windows_.end(), static_cast<size_t>(heads_), extent(window));
      ++candidates_;
    }
  if (m.tiled) {
    raster_rows_ = fvattn::sta::tile_order({grid_.t, grid_.h, grid_.w}, {tile_.t, tile_.h, tile_.w});
    for (int i = 0; i < text_; ++i) raster_rows_.push_back(grid_.volume() + i);
  }
}

Extent3 Schedule::extent(const Window& w) const {
  const Extent3& most = full_[0];  // any larger window does the same
  return {smaller(w[0], most.t), smaller(w[1], most.h), smaller(w[2], most.w)};
}

void Schedule::use_windows(const std::vector<Window>& windows, const fvattn_problem& p) {
  const int all = heads_of_all_ranks(p);
  if (windows.size() != 1 && windows.size() != static_cast<size_t>(all))
    fail(FVATTN_INVALID_ARGUMENT, "the key window_size has %zu windows; one, or one for each of the %d heads, is accepted",
         windows.size(), all);
  for (int h = 0; h < heads_; ++h)
    windows_.push_back(extent(windows[windows.size() == 1 ? 0 : static_cast<size_t>(head_offset_ + h)]));
}

void Schedule::use_strategy(const Strategy& strategy, const fvattn_problem& p) {
  if (layer_ < 0 || layer_ >= strategy.layers)
    fail(FVATTN_INVALID_ARGUMENT, "layer %d is not in the strategy (STA_param), which has %d layers", layer_,
         strategy.layers);
  if (heads_of_all_ranks(p) > strategy.heads)
    fail(FVATTN_INVALID_ARGUMENT, "the layer has %d heads, the strategy (STA_param) has windows for %d",
         heads_of_all_ranks(p), strategy.heads);
  steps_ = strategy.steps;
  windows_.reserve(static_cast<size_t>(steps_) * static_cast<size_t>(heads_));
  for (int t = 0; t < steps_; ++t)
    for (int h = 0; h < heads_; ++h) windows_.push_back(extent(strategy.at(t, layer_, head_offset_ + h)));
}

const Extent3* Schedule::unless_full(const Extent3* row) const {
  const bool full = std::all_of(row, row + heads_, [&](const Extent3& w) {
    return window_of(0, w.t, tiles_.t).count == tiles_.t && window_of(0, w.h, tiles_.h).count == tiles_.h &&
           window_of(0, w.w, tiles_.w).count == tiles_.w;
  });
  return full ? nullptr : row;
}

const Extent3* Schedule::candidate(int i) const {
  return unless_full(candidate_windows_.data() + static_cast<int64_t>(i) * heads_);
}

int Schedule::row_at(int64_t step, int64_t total_steps) const {
  if (steps_ == 0) return 0;
  if (rescale_ && total_steps < 1)
    fail(FVATTN_INVALID_ARGUMENT, "STA_rescale_steps needs total_steps, the number of denoising steps; it is not known");
  if (rescale_ && step >= 0 && step < total_steps) return static_cast<int>(step * steps_ / total_steps);
  if (rescale_)
    fail(FVATTN_INVALID_ARGUMENT, "step %lld is beyond the %lld of total_steps", static_cast<long long>(step),
         static_cast<long long>(total_steps));
  if (step < 0 || step >= steps_)
    fail(FVATTN_INVALID_ARGUMENT,
         "step %lld is not in the strategy (STA_param), which has %d steps; STA_rescale_steps=true stretches it over any "
         "number of steps",
         static_cast<long long>(step), steps_);
  return static_cast<int>(step);
}

const Extent3* Schedule::windows_at(int64_t step, int64_t total_steps) const {
  if (windows_.empty() || holds(dense_steps_, step)) return nullptr;
  const int row = row_at(step, total_steps);
  const Extent3* windows = windows_.data() + static_cast<int64_t>(row) * heads_;
  for (int h = 0; h < heads_; ++h)
    if (windows[h].t < 0)
      fail(FVATTN_INVALID_ARGUMENT, "the strategy (STA_param) has no window \"%d_%d_%d\" (step, layer, head)", row, layer_,
           head_offset_ + h);
  return unless_full(windows);
}

WindowPolicy Schedule::policy(const Extent3* windows, int q_slots, int kv_slots) const {
  const BoxMap q{grid_, largest_box(tile_, q_slots), text_, 1}, kv{grid_, largest_box(tile_, kv_slots), text_, 1};
  return {q, kv, tile_, windows};
}

int Schedule::text_rounds(const Extent3* windows, int heads, int q_slots, int kv_slots) const {
  const WindowPolicy of = policy(windows, q_slots, kv_slots);
  const int64_t text = fvattn::engine::ceil_div(text_, kv_slots), all = (of.kv_map.boxes() + text) * heads;
  int64_t grid = 0;
  for (int head = 0; head < heads; ++head) grid += of.region(of.q_map, of.kv_map, {0, head, 0}, false).volume() + text;
  return static_cast<int>((all + grid / 2) / grid);
}

}  // namespace sta
