#include <fvattn/engine/policies/power_box_map.hpp>

#include "random.hpp"

using namespace engine_test;
using namespace fvattn::engine;

TEST_CASE("a small divisor divides exactly") {
  for (const int divisor : {1, 2, 3, 5, 7, 13, 255, 256, 257, 1000, 12345, 32767, 32768}) {
    const auto by = SmallDivisor::of(divisor);
    int wrong = 0;
    for (int n = 0; n < 1 << 16; ++n) wrong += by.quotient(n) != n / divisor;
    CHECK_MESSAGE(wrong == 0, "by ", divisor);
  }
  for (int divisor = 1; divisor <= SmallDivisor::kMost; ++divisor) {
    const auto by = SmallDivisor::of(divisor);
    const int n = 65535 / divisor * divisor;  // where the quotient steps, last
    REQUIRE(by.quotient(n) == n / divisor);
    REQUIRE(by.quotient(n - 1) == (n - 1) / divisor);
  }
}

TEST_CASE("boxes with powers of two: the rows, whole tiles and keys of the map that divides") {
  const Extent3 boxes[] = {{4, 4, 4}, {1, 8, 8}, {64, 1, 1}, {1, 1, 64}, {2, 16, 2}};
  for (int trial = 0; trial < 40; ++trial) {
    const Extent3 grid{random_int(1, 20), random_int(1, 20), random_int(1, 20)}, box = boxes[trial % 5];
    const BoxMap plain{grid, box, 0, 1};
    const auto map = PowerBoxMap::of(grid, box);
    REQUIRE(map.boxes() == plain.boxes());
    REQUIRE(map.tiles<64>() == plain.tiles<64>());
    for (int tile = 0; tile < map.boxes(); ++tile) {
      REQUIRE(map.position(tile) == plain.position(tile));
      REQUIRE(map.full<64>(tile) == plain.full<64>(tile));
      const ClippedBoxMask mask = map.mask(tile);
      for (int slot = 0; slot < 64; ++slot) {
        const int row = plain.row<64>({}, tile, slot);
        REQUIRE(map.row<64>({}, tile, slot) == row);
        REQUIRE(mask.key_visible(slot) == (row != kNoRow));
      }
    }
  }
}
