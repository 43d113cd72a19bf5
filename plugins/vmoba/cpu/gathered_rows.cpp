#include "gathered_rows.hpp"

#include <algorithm>

namespace vmoba::cpu {

void GatheredRows::fill(const std::uint32_t* bits, int heads, int rows, int first, int end) {
  const int chunks = partition_.chunks();
  const std::int64_t head_bits = std::int64_t{rows} * words_;
  heads_ = heads;
  tiles_ = 0;
  first_tile_.assign(static_cast<size_t>(heads) * (static_cast<size_t>(chunks) + 1), 0);
  for (int head = 0; head < heads; ++head) {
    std::fill(next_.begin(), next_.end(), 0);
    for (int place = first; place < end; ++place)
      each_chunk(bits + head * head_bits, partition_.row_of(place), [&](int chunk) { ++next_[static_cast<size_t>(chunk)]; });
    int* at = first_tile_.data() + head * (chunks + 1);
    for (int c = 0; c < chunks; ++c) at[c + 1] = at[c] + (next_[static_cast<size_t>(c)] + Tile::kTileQ - 1) / Tile::kTileQ;
    tiles_ = std::max(tiles_, at[chunks]);
  }
  rows_.assign(static_cast<size_t>(heads) * static_cast<size_t>(slots()), fvattn::engine::kNoRow);
  chunk_of_tile_.assign(static_cast<size_t>(heads) * static_cast<size_t>(tiles_), -1);
  for (int head = 0; head < heads; ++head) {
    const int* at = first_tile_.data() + head * (chunks + 1);
    for (int c = 0; c < chunks; ++c) {
      std::fill(chunk_of_tile_.begin() + head * tiles_ + at[c], chunk_of_tile_.begin() + head * tiles_ + at[c + 1], c);
      next_[static_cast<size_t>(c)] = at[c] * Tile::kTileQ;
    }
    int* const out = rows_.data() + std::int64_t{head} * slots();
    for (int place = first; place < end; ++place) {
      const int row = partition_.row_of(place);
      each_chunk(bits + head * head_bits, row, [&](int chunk) { out[next_[static_cast<size_t>(chunk)]++] = row; });
    }
  }
}

}  // namespace vmoba::cpu
