#include <fvattn/engine/policies/list.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"
#include "random_lists.hpp"

using namespace engine_test;
using namespace fvattn::engine;
using Tile = TileShape<64, 64>;

TEST_CASE("lists of 4x4x4 boxes on the raster grid, clipped at the edges") {
  for (int trial = 0; trial < 6; ++trial) {
    const Extent3 grid{random_int(1, 9), random_int(1, 9), random_int(1, 9)};
    const BoxMap map{grid, {4, 4, 4}};
    const int batch = random_int(1, 2), rows = grid.volume();
    const RandomLists lists(batch, 2, map.boxes(), map.boxes());
    const ListPolicy<BoxMap> policy{map, map, lists.forward(), lists.transposed()};
    std::vector<int> block(static_cast<std::size_t>(rows));
    for (int tile = 0; tile < map.boxes(); ++tile)
      for (int slot = 0; slot < 64; ++slot)
        if (const int row = map.row<64>({}, tile, slot); row != kNoRow) block[static_cast<std::size_t>(row)] = tile;
    Case c{batch, rows, rows, 2, 1, 24, 16};
    c.visible = [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
      return lists.has(b, h, block[static_cast<std::size_t>(i)], block[static_cast<std::size_t>(j)]);
    };
    check_policy<Tile>(policy, batch, 2, rows, rows, c.visible);
    check_engine<float, Tile>(policy, c);
    check_engine<double, Tile>(policy, c);
  }
}

TEST_CASE("lists of tiled blocks with sizes: padding at the end of a block is no key") {
  for (int trial = 0; trial < 6; ++trial) {
    const int blocks = random_int(1, 5), rows = 64 * blocks;
    std::vector<int> sizes;
    for (int b = 0; b < blocks; ++b) sizes.push_back(random_int(1, 64));
    const RandomLists lists(1, 2, blocks, blocks);
    const ListPolicy<LinearMap> policy{{rows}, {rows}, lists.forward(), lists.transposed(), sizes.data()};
    Case c{1, rows, rows, 2, 2, 8, 8};
    c.visible = [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
      return j % 64 < sizes[static_cast<std::size_t>(j / 64)] &&
             lists.has(b, h, static_cast<int>(i / 64), static_cast<int>(j / 64));
    };
    check_policy<Tile>(policy, 1, 2, rows, rows, c.visible);
    check_engine<cpu::Bf16, Tile>(policy, c);
  }
}
