#include <fvattn/vmoba/chunk_mode.hpp>
#include <fvattn/vmoba/permutation.hpp>

#include <doctest/doctest.h>

using namespace fvattn::vmoba;
using List = std::vector<std::int64_t>;

TEST_CASE("permutation goldens") {
  const Grid grid{2, 4, 4};
  const List two{0, 1, 4, 5, 16, 17, 20, 21, 2,  3,  6,  7,  18, 19, 22, 23,
                 8, 9, 12, 13, 24, 25, 28, 29, 10, 11, 14, 15, 26, 27, 30, 31};
  const List three{0,  1,  4,  5,  2,  3,  6,  7,  8,  9,  12, 13, 10, 11, 14, 15,
                   16, 17, 20, 21, 18, 19, 22, 23, 24, 25, 28, 29, 26, 27, 30, 31};
  CHECK(process_moba_input(grid, ChunkSize(List{2, 2})) == two);
  CHECK(process_moba_input(grid, ChunkSize(List{1, 2, 2})) == three);
  CHECK(ChunkSize(List{2, 2}).tokens(grid) == 8);
  CHECK(ChunkSize(List{1, 2, 2}).tokens(grid) == 4);
}

TEST_CASE("1-D chunks keep the raster order; their size may be a fraction of a frame") {
  const Grid grid{5, 4, 6};
  const List order = process_moba_input(grid, ChunkSize(1.3));
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == static_cast<std::int64_t>(i));
  CHECK(ChunkSize(1.3).tokens(grid) == 31);
  CHECK(ChunkSize(2.0).tokens(grid) == 48);
  CHECK_THROWS_WITH(ChunkSize(0.01).tokens(grid), doctest::Contains("has no token"));
}

TEST_CASE("the output order undoes the input order") {
  for (const ChunkSize& size : {ChunkSize(0.5), ChunkSize(List{3, 2}), ChunkSize(List{2, 3, 4})}) {
    const Grid grid{4, 6, 8};
    const List in = process_moba_input(grid, size), out = process_moba_output(grid, size);
    for (std::size_t i = 0; i < in.size(); ++i) CHECK(out[static_cast<std::size_t>(in[i])] == static_cast<std::int64_t>(i));
  }
}

TEST_CASE("grids that are not whole chunks, sizes of other lengths") {
  CHECK_THROWS_WITH(ChunkSize(List{4, 3}).box({2, 6, 6}),
                    "spatial patch_resolution [6, 6] should be divisible by 2d chunk_size [4, 3]");
  CHECK_THROWS_WITH(ChunkSize(List{2, 3, 3}).box({3, 6, 6}),
                    "patch_resolution [3, 6, 6] should be divisible by 3d chunk_size [2, 3, 3]");
  CHECK_THROWS_AS(ChunkSize(List{4}), std::invalid_argument);
  CHECK_THROWS_AS(ChunkSize(List{1, 2, 3, 4}), std::invalid_argument);
  CHECK_THROWS_AS(ChunkSize(List{0, 2}), std::invalid_argument);
  CHECK_THROWS_AS(ChunkSize(-1.0), std::invalid_argument);
}

TEST_CASE("layers take turns, layers before the first one too") {
  const LayerCycle one{};
  CHECK(chunk_mode(0, one) == ChunkMode::temporal);
  CHECK(chunk_mode(1, one) == ChunkMode::spatial);
  CHECK(chunk_mode(5, one) == ChunkMode::spatio_temporal);
  const LayerCycle shifted{2, 1, 1, 3};
  CHECK(chunk_mode(3, shifted) == ChunkMode::temporal);
  CHECK(chunk_mode(4, shifted) == ChunkMode::temporal);
  CHECK(chunk_mode(5, shifted) == ChunkMode::spatial);
  CHECK(chunk_mode(2, shifted) == ChunkMode::spatio_temporal);  // floor mod: -1 is 3
  CHECK(chunk_mode(0, shifted) == ChunkMode::temporal);
  CHECK(chunk_mode(7, {0, 0, 2}) == ChunkMode::spatio_temporal);
  CHECK_THROWS_AS(chunk_mode(0, {0, 0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(chunk_mode(0, {-1, 2, 2}), std::invalid_argument);
}
