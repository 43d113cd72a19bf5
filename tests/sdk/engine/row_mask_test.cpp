#include <fvattn/engine/policies/row_mask.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"
#include "random_lists.hpp"

using namespace engine_test;
using namespace fvattn::engine;
using Tile = TileShape<64, 64>;

namespace {

template <class E, class ChunkMap>
void check_row_mask(const ChunkMap& chunks, int rows, int batch) {
  constexpr int kHeads = 2;
  const int q_tiles = ceil_div(rows, 64), words = ceil_div(chunks.chunks(), 32);
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(batch * kHeads * rows * words), 0);
  const auto word = [&](std::int64_t list, std::int64_t row, int chunk) -> std::uint32_t& {
    return bits[static_cast<std::size_t>((list * rows + row) * words + chunk / 32)];
  };
  RandomLists lists(batch * kHeads * q_tiles, kHeads, q_tiles, chunks.chunks(), 0);
  for (int list = 0; list < batch * kHeads; ++list)
    for (int tile = 0; tile < q_tiles; ++tile)
      for (int chunk = 0; chunk < chunks.chunks(); ++chunk) {
        if (random_int(0, 2) == 0) continue;
        bool any = false;
        for (int row = tile * 64; row < std::min(rows, tile * 64 + 64); ++row)
          if (random_int(0, 2) == 0) word(list, row, chunk) |= 1u << (chunk % 32), any = true;
        if (any) lists.add(list * q_tiles + tile, chunk);
      }
  lists.invert();
  std::vector<int> chunk_of(static_cast<std::size_t>(rows));
  for (int tile = 0; tile < chunks.template tiles<64>(); ++tile)
    for (int slot = 0; slot < 64; ++slot)
      if (const int row = chunks.template row<64>({}, tile, slot); row != kNoRow)
        chunk_of[static_cast<std::size_t>(row)] = tile / chunks.template tiles_per_chunk<64>();
  const RowMaskPolicy<LinearMap, ChunkMap> policy{
      {rows}, chunks, {bits.data(), kHeads, rows, words}, lists.forward(), lists.transposed()};
  Case c{batch, rows, rows, kHeads, 1, 16, 24};
  c.visible = [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
    const int chunk = chunk_of[static_cast<std::size_t>(j)];
    return (word(b * kHeads + h, i, chunk) >> (chunk % 32) & 1) != 0;
  };
  check_policy<Tile>(policy, batch, kHeads, rows, rows, c.visible);
  check_engine<E, Tile>(policy, c);
}

}  // namespace

TEST_CASE("bits per row over chunks of one, two and three dimensions") {
  for (int trial = 0; trial < 3; ++trial) {
    const int rows = random_int(30, 300), length = random_int(5, 100);
    check_row_mask<float>(ChunkBoxMap{{1, 1, rows}, {1, 1, length}}, rows, 1);
    const Extent3 grid{random_int(1, 5), random_int(2, 7), random_int(2, 9)};
    check_row_mask<double>(ChunkBoxMap{grid, {grid.t, 2, 2}}, grid.volume(), 2);
    check_row_mask<float>(ChunkBoxMap{grid, {2, 3, 4}}, grid.volume(), 1);
    const int starts[] = {0, 70, 71, 200, 200 + random_int(1, 129)};
    check_row_mask<float>(ChunkRunMap{starts, 4, 129}, starts[4], 1);
  }
}
