#include "chunk_lists.hpp"

#include <algorithm>
#include <bit>

namespace vmoba::cpu {

using namespace fvattn::plugin;
using Tile = fvattn::engine::cpu::DefaultTile;

ChunkLists::ChunkLists(const fvattn_problem& p, const Limits& limits, Workspace& workspace)
    : problem_(p), width_(static_cast<int>(limits.of_sequence)), words_(limits.words()) {
  const int64_t heads = p.batch * p.heads, longest = std::min(limits.chunk_tokens, limits.longest);
  const int64_t q_tiles = limits.chunks * ((longest + Tile::kTileQ - 1) / Tile::kTileQ);
  list_ = workspace.take<int>(heads * q_tiles * width_);
  count_ = workspace.take<int>(heads * q_tiles);
  inverse_ = workspace.take<int>(heads * q_tiles * width_);
  offsets_ = workspace.take<long long>(heads * limits.chunks + 1);
}

void ChunkLists::fill(const Partition& partition, const std::uint32_t* bits) {
  chunks_ = partition.chunks();
  q_tiles_ = partition.runs().tiles<Tile::kTileQ>();
  parallel_for(problem_.batch * problem_.heads, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t list = lo; list < hi; ++list) fill_head(partition, bits, list);
  });
  invert();
}

void ChunkLists::fill_head(const Partition& partition, const std::uint32_t* bits, std::int64_t list) {
  const int per_chunk = partition.runs().tiles_per_chunk<Tile::kTileQ>();
  std::vector<std::uint32_t> any(static_cast<size_t>(words_));
  for (int tile = 0; tile < q_tiles_; ++tile) {
    const int chunk = tile / per_chunk, first = partition.starts()[chunk] + tile % per_chunk * Tile::kTileQ;
    const int end = std::min(partition.starts()[chunk + 1], first + Tile::kTileQ);
    std::fill(any.begin(), any.end(), 0u);
    for (int place = first; place < end; ++place) {
      const std::uint32_t* row = bits + (list * problem_.q_len + partition.row_of(place)) * words_;
      for (int w = 0; w < words_; ++w) any[static_cast<size_t>(w)] |= row[w];
    }
    int *out = list_ + (list * q_tiles_ + tile) * width_, count = 0;
    for (int w = 0; w < words_; ++w)
      for (std::uint32_t left = any[static_cast<size_t>(w)]; left != 0; left &= left - 1)
        out[count++] = w * 32 + std::countr_zero(left);
    count_[list * q_tiles_ + tile] = count;
  }
}

void ChunkLists::invert() {
  const int64_t heads = problem_.batch * problem_.heads;
  std::fill_n(offsets_, heads * chunks_ + 1, 0LL);
  const auto for_each_entry = [&](int64_t list, auto&& body) {
    for (int tile = 0; tile < q_tiles_; ++tile) {
      const int64_t row = list * q_tiles_ + tile;
      for (int i = 0; i < count_[row]; ++i) body(tile, list_[row * width_ + i]);
    }
  };
  for (int64_t list = 0; list < heads; ++list)
    for_each_entry(list, [&](int, int chunk) { ++offsets_[list * chunks_ + chunk + 1]; });
  for (int64_t i = 0; i < heads * chunks_; ++i) offsets_[i + 1] += offsets_[i];
  std::vector<long long> next(static_cast<size_t>(chunks_));
  for (int64_t list = 0; list < heads; ++list) {
    std::copy_n(offsets_ + list * chunks_, chunks_, next.begin());
    for_each_entry(list, [&](int tile, int chunk) { inverse_[next[static_cast<size_t>(chunk)]++] = tile; });
  }
}

}  // namespace vmoba::cpu
