#include <fvattn/engine/policies/chunk_maps.hpp>
#include <fvattn/engine/policies/window.hpp>

#include <set>

#include "random.hpp"

using namespace engine_test;
using namespace fvattn::engine;

namespace {

/// Every row of the map once; full() exactly where no slot is empty.
template <int kRows, class Map>
void check_cover(const Map& map, int rows) {
  std::set<int> seen;
  for (int tile = 0; tile < map.template tiles<kRows>(); ++tile) {
    bool full = true;
    for (int slot = 0; slot < kRows; ++slot) {
      const int row = map.template row<kRows>({}, tile, slot);
      full &= row != kNoRow;
      if (row == kNoRow) continue;
      CHECK(row < rows);
      CHECK_MESSAGE(seen.insert(row).second, "row ", row, " twice");
    }
    if (map.template full<kRows>(tile)) CHECK(full);
    if constexpr (!std::is_same_v<Map, ChunkBoxMap>) CHECK(map.template full<kRows>(tile) == full);
  }
  CHECK(static_cast<int>(seen.size()) == rows);
}

Extent3 random_extent(int most_t, int most_h, int most_w) {
  return {random_int(1, most_t), random_int(1, most_h), random_int(1, most_w)};
}

}  // namespace

TEST_CASE("maps cover every row once") {
  for (int trial = 0; trial < 50; ++trial) {
    const int length = random_int(1, 400);
    check_cover<64>(LinearMap{length}, length);
    const Extent3 grid = random_extent(7, 11, 13);
    const int text = random_int(0, 1) * random_int(1, 150);
    for (const Extent3 box : {Extent3{4, 4, 4}, {2, 8, 8}, {1, 4, 8}, {3, 5, 2}, {2, 4, 4}}) {
      const BoxMap map{grid, box, text};
      if (box.volume() <= 64) check_cover<64>(map, grid.volume() + text);
      check_cover<128>(map, grid.volume() + text);
    }
    check_cover<64>(ChunkBoxMap{grid, random_extent(grid.t, grid.h, grid.w)}, grid.volume());
    const int starts[] = {0, 70, 71, 200, 200 + random_int(0, 129)};
    check_cover<64>(ChunkRunMap{starts, 4, 129}, starts[4]);
  }
}

TEST_CASE("slots run t-major inside a box, boxes row-major in the grid") {
  const BoxMap map{{4, 6, 8}, {2, 3, 4}};
  CHECK(map.row<24>({}, 0, 0) == 0);
  CHECK(map.row<24>({}, 0, 5) == 8 + 1);
  CHECK(map.row<24>({}, 0, 12) == 48);
  CHECK(map.row<24>({}, 1, 0) == 4);
  CHECK(map.row<24>({}, 2, 0) == 24);
  CHECK(map.row<24>({}, 4, 0) == 96);
}

TEST_CASE("windows and their inverse") {
  for (int c = 1; c <= 11; ++c)
    for (int w = 1; w <= c + 1; ++w) {
      for (int q = 0; q < c; ++q) {
        const AxisSpan s = window_of(q, w, c);
        CHECK(s.count == std::min(2 * (w / 2) + 1, c));
        CHECK(s.first == std::max(0, std::min(q - w / 2, c - s.count)));
        for (int k = 0; k < c; ++k) {
          const AxisSpan inverse = window_inverse(k, w, c);
          const bool sees = k >= s.first && k < s.first + s.count;
          CHECK((q >= inverse.first && q < inverse.first + inverse.count) == sees);
        }
      }
    }
}

TEST_CASE("the largest box that divides a tile") {
  CHECK(largest_box({6, 8, 8}, 128) == Extent3{2, 8, 8});
  CHECK(largest_box({6, 8, 8}, 64) == Extent3{1, 8, 8});
  CHECK(largest_box({4, 4, 4}, 64) == Extent3{4, 4, 4});
  CHECK(largest_box({1, 1, 131}, 128) == Extent3{1, 1, 1});
}
