// The goldens of the reference's index builders, and the table of k.
#include "vsa_test.hpp"

using namespace vsa_test;
using namespace fvattn::vsa;

TEST_CASE("the grid 5 x 6 x 7") {
  const Triple grid{5, 6, 7};
  CHECK(num_tiles(grid) == Triple{2, 2, 2});
  const std::vector<int32_t> sizes = construct_variable_block_sizes(grid, num_tiles(grid));
  CHECK(sizes == std::vector<int32_t>{64, 48, 32, 24, 16, 12, 8, 6});
  CHECK(sizes == construct_variable_block_sizes(grid));
  const std::vector<int64_t> order = get_tile_partition_indices(grid);
  CHECK(std::vector<int64_t>(order.begin(), order.begin() + 9) == std::vector<int64_t>{0, 1, 2, 3, 7, 8, 9, 10, 14});
  CHECK(std::vector<int64_t>(order.begin() + 64, order.begin() + 71) == std::vector<int64_t>{4, 5, 6, 11, 12, 13, 18});
  const std::vector<int64_t> slots = get_non_pad_index(sizes, 64);
  CHECK(std::vector<int64_t>(slots.begin() + 62, slots.begin() + 66) == std::vector<int64_t>{62, 63, 64, 65});
  const std::vector<int64_t> combined = get_untile_combined_index(grid);
  CHECK(std::vector<int64_t>(combined.begin(), combined.begin() + 10) ==
        std::vector<int64_t>{0, 1, 2, 3, 64, 65, 66, 4, 5, 6});
  CHECK(std::vector<int64_t>(combined.end() - 5, combined.end()) == std::vector<int64_t>{390, 391, 451, 452, 453});
}

TEST_CASE("tiling and back is the identity for random grids and tiles") {
  for (int trial = 0; trial < 40; ++trial) {
    const Triple grid{random_int(1, 12), random_int(1, 12), random_int(1, 12)};
    const Triple tile{random_int(1, 6), random_int(1, 6), random_int(1, 6)};
    const std::vector<int32_t> sizes = construct_variable_block_sizes(grid, num_tiles(grid, tile), tile);
    CHECK(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) == volume(grid));
    const std::vector<int64_t> order = get_tile_partition_indices(grid, tile),
                               back = get_reverse_tile_partition_indices(grid, tile),
                               slots = get_non_pad_index(sizes, volume(tile)),
                               combined = get_untile_combined_index(grid, tile);
    for (size_t i = 0; i < order.size(); ++i) {
      REQUIRE(order[static_cast<size_t>(back[i])] == static_cast<int64_t>(i));
      REQUIRE(combined[static_cast<size_t>(order[i])] == slots[i]);
    }
  }
}

TEST_CASE("k of the model shapes and where rounding decides") {
  struct Row {
    Triple grid;
    int64_t blocks, older_80, k_80, older_90, k_90;
  };
  const Row rows[] = {{{21, 30, 52}, 624, 103, 125, 52, 63},     {{20, 28, 52}, 455, 91, 91, 46, 46},
                      {{16, 28, 52}, 364, 73, 73, 37, 37},       {{21, 45, 80}, 1440, 237, 288, 119, 144},
                      {{18, 48, 80}, 1200, 216, 240, 108, 120},  {{31, 22, 40}, 480, 86, 96, 43, 48},
                      {{30, 48, 80}, 1920, 360, 384, 180, 192}};
  for (const Row& row : rows) {
    CHECK(volume(num_tiles(row.grid)) == row.blocks);
    CHECK(reference_top_k(0.8, volume(row.grid), 64) == row.older_80);
    CHECK(top_k(0.8, row.blocks) == row.k_80);
    CHECK(reference_top_k(0.9, volume(row.grid), 64) == row.older_90);
    CHECK(top_k(0.9, row.blocks) == row.k_90);
  }
  CHECK(top_k(0.7, 10) == 4);
  CHECK(top_k(0.85, 20) == 4);
  CHECK(top_k(0.95, 20) == 2);
  CHECK(top_k(0.95, 480) == 25);
  CHECK(top_k(0.95, 1440) == 73);
  CHECK(top_k(1, 10) == 1);
  CHECK(top_k(0, 10) == 10);
  CHECK(reference_top_k(0, 32760, 64) == 512);
  CHECK(reference_top_k(1, 32760, 64) == 0);
}

TEST_CASE("extents that are none are refused") {
  CHECK_THROWS_AS(num_tiles({0, 4, 4}), std::invalid_argument);
  CHECK_THROWS_AS(num_tiles({1 << 12, 1 << 12, 1 << 12}), std::invalid_argument);
  CHECK_THROWS_AS(construct_variable_block_sizes({5, 6, 7}, {2, 2, 3}), std::invalid_argument);
  CHECK_THROWS_AS(get_non_pad_index({65}, 64), std::invalid_argument);
}
