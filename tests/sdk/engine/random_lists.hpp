// Random lists per (batch, head, query tile), and their inverse.
#pragma once

#include <fvattn/engine/policies/tile_lists.hpp>

#include <algorithm>
#include <vector>

#include "random.hpp"

namespace engine_test {

struct RandomLists {
  int heads, q_tiles, kv_tiles, width;
  std::vector<int> list, count, inverse;
  std::vector<long long> offsets;

  RandomLists(int batch, int heads_, int q_tiles_, int kv_tiles_)
      : heads(heads_),
        q_tiles(q_tiles_),
        kv_tiles(kv_tiles_),
        width(kv_tiles_),
        list(static_cast<std::size_t>(batch * heads * q_tiles * width), -1) {
    for (int row = 0; row < batch * heads * q_tiles; ++row) {
      const int share = random_int(0, 4);
      count.push_back(0);
      for (int tile = 0; tile < kv_tiles; ++tile)
        if (random_int(1, 4) <= share) add(row, tile);
    }
    invert();
  }
  /// Empty, to be filled by add() in ascending order; then invert().
  RandomLists(int rows, int heads_, int q_tiles_, int kv_tiles_, int)
      : heads(heads_),
        q_tiles(q_tiles_),
        kv_tiles(kv_tiles_),
        width(kv_tiles_),
        list(static_cast<std::size_t>(rows * width), -1),
        count(static_cast<std::size_t>(rows), 0) {}

  void add(int row, int tile) {
    list[static_cast<std::size_t>(row * width + count[static_cast<std::size_t>(row)]++)] = tile;
  }
  void invert() {
    offsets.assign(1, 0);
    for (int group = 0; group < static_cast<int>(count.size()) / q_tiles; ++group)
      for (int tile = 0; tile < kv_tiles; ++tile) {
        for (int q = 0; q < q_tiles; ++q)
          if (has(group * q_tiles + q, tile)) inverse.push_back(q);
        offsets.push_back(static_cast<long long>(inverse.size()));
      }
  }
  bool has(int row, int tile) const {
    const int* first = list.data() + row * width;
    return std::binary_search(first, first + count[static_cast<std::size_t>(row)], tile);
  }
  bool has(std::int64_t batch, std::int64_t head, int q_tile, int tile) const {
    return has(static_cast<int>((batch * heads + head) * q_tiles) + q_tile, tile);
  }
  fvattn::engine::TileLists forward() const { return {list.data(), count.data(), heads, q_tiles, width}; }
  fvattn::engine::InverseLists transposed() const { return {inverse.data(), offsets.data(), heads, kv_tiles}; }
};

}  // namespace engine_test
