// What the sm90 engine's launches are decided by: host arithmetic.
#include "../gpu/clipped_shapes.hpp"
#include "../gpu/key_order.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace vsa::gpu;

TEST_CASE("order of key blocks: by head, longest first, and sooner what would end last") {
  constexpr int kHeads = 4, kBlocks = 100, kVisits = 10, kCtas = 20;
  const KeyOrder order{kHeads * kBlocks * (kVisits + kStepsAround), kHeads, kBlocks, kCtas};
  for (int head = 0; head + 1 < kHeads; ++head) {
    CHECK(order.place(head, kVisits) < order.place(head + 1, kVisits));
    CHECK(order.place(head, 0) < order.place(head + 1, kVisits));
    CHECK(order.place(head, 2 * kVisits) < order.place(head, kVisits));
  }
  // 260 steps a CTA in all: a list of 90 must start by 167, the last head does at 195, the one before at 130.
  CHECK(order.place(3, 90) < order.place(3, 60));
  CHECK(order.place(3, 90) > order.place(2, 90));
  CHECK(order.place(3, 90) / kLengths < order.place(3, 60) / kLengths);
  CHECK(order.place(2, 90) / kLengths == order.place(2, 60) / kLengths);
  // Longer than everything else together, nothing at all, and more heads than starts.
  CHECK(order.place(3, kBlocks) >= 0);
  CHECK(KeyOrder{1 << 30, 1, kBlocks, 264}.place(0, 0) == kLengths - 1);
  CHECK(KeyOrder{100, 1, kBlocks, 264}.place(0, kBlocks) == 0);
  for (const int heads : {1, 12, 127, 128, 129, 1000}) {
    const KeyOrder many{1LL << 40, heads, kBlocks, 264};
    CHECK(many.place(heads - 1, 0) < kPlaces);
    CHECK(many.place(heads - 1, 0) >= many.place(0, 0));
  }
}

TEST_CASE("shapes of clipped blocks: each token of the grid is in one block") {
  const engine::Extent3 grids[] = {{21, 30, 52}, {4, 4, 4}, {3, 5, 2}, {9, 10, 7}, {1, 1, 65}};
  const engine::Extent3 boxes[] = {{4, 4, 4}, {1, 8, 8}, {1, 1, 64}};
  for (const engine::Extent3& grid : grids) {
    for (const engine::Extent3& box : boxes) {
      const auto map = engine::PowerBoxMap::of(grid, box);
      const ClippedShapes shapes = ClippedShapes::of(map);
      int tokens = 0;
      for (int block = 0; block < map.boxes(); ++block) {
        const int shape = shapes.shape_of(map.position(block));
        CHECK(shapes.present(shape));
        CHECK(ClippedShapes::extent(map, shape) == map.clipped(map.position(block)));
        CHECK((shape == 0) == (shapes.tokens[shape] == box.volume()));
        tokens += shapes.tokens[shape];
      }
      CHECK(tokens == grid.volume());
    }
  }
  CHECK_FALSE(ClippedShapes::of(engine::PowerBoxMap::of({20, 28, 52}, {4, 4, 4})).present(1));
}
