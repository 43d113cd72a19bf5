// Index arithmetic and heuristics of the sm80 engine, on the host.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <fvattn/engine/sm80/heuristics.hpp>
#include <fvattn/engine/sm80/tile_layout.hpp>

#include <set>
#include <utility>

namespace {

using namespace fvattn::engine::sm80;

/// offset() is one to one onto the tile, and a phase of ldmatrix (8 rows, one chunk) hits 8 different 16-byte banks.
template <int kColumns>
void check_layout() {
  CAPTURE(kColumns);
  using Layout = TileLayout<kColumns>;
  constexpr int kRows = 128;
  std::set<std::uint32_t> offsets;
  for (int row = 0; row < kRows; ++row) {
    for (int chunk = 0; chunk < Layout::kChunks; ++chunk) {
      const std::uint32_t offset = Layout::offset(row, chunk);
      CHECK(offset % kChunkBytes == 0);
      CHECK(offset < kRows * Layout::kPitch);
      offsets.insert(offset);
    }
  }
  CHECK(offsets.size() == kRows * Layout::kChunks);
  for (int row0 = 0; row0 < kRows; row0 += 8) {
    for (int chunk = 0; chunk < Layout::kChunks; ++chunk) {
      std::set<std::uint32_t> banks;
      for (int row = row0; row < row0 + 8; ++row) banks.insert(Layout::offset(row, chunk) / kChunkBytes % 8);
      CHECK(banks.size() == 8);
    }
  }
}

/// step() finds the block that offset() says, from a block column `first` by steps of `by`, wherever the tile starts.
template <int kColumns>
void check_steps(int first, int by) {
  CAPTURE(kColumns);
  CAPTURE(first);
  CAPTURE(by);
  using Layout = TileLayout<kColumns>;
  for (const std::uint32_t tile : {0u, 128u, 4096u + 384u}) {
    for (int lane = 0; lane < kLanes; ++lane) {
      for (const LaneBlock at : {lane_rows_first(lane), lane_columns_first(lane)}) {
        const std::uint32_t address = tile + Layout::offset(at.row, 2 * first + at.half);
        for (int rows = 0; rows < 8; ++rows) {
          for (int n = 0; first + n * by < kColumns / kFragment; ++n) {
            const auto expected = tile + Layout::offset(rows * kFragment + at.row, 2 * (first + n * by) + at.half);
            CHECK(Layout::step(address, rows, n * by) == expected);
          }
        }
      }
    }
  }
}

template <int kColumns>
void check_all_steps() {
  for (const int by : {1, 2, 4}) {
    for (int first = 0; first < by; ++first) {
      if (kColumns / kFragment % by == 0) check_steps<kColumns>(first, by);
    }
  }
}

/// Every chunk of the tile has exactly one owner.
template <class Layout, int kRows, int kThreads>
void check_partition() {
  using Part = CopyPartition<Layout, kRows, kThreads>;
  std::set<std::pair<int, int>> owned;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < Part::kRowSteps; ++i) {
      for (int j = 0; j < Part::kChunkSteps; ++j) {
        owned.insert({Part::row0(thread) + i * Part::kRowStep, Part::chunk0(thread) + j * Part::kChunkStep});
      }
    }
  }
  CHECK(owned.size() == static_cast<std::size_t>(kRows) * Layout::kChunks);
  CHECK(Part::kRowSteps * Part::kChunkSteps * kThreads == kRows * Layout::kChunks);
}

template <int kHeadDim>
void check_configs() {
  CAPTURE(kHeadDim);
  using Forward = DenseForward<kHeadDim>;
  check_partition<typename Forward::Layout, Forward::kTileQ, Forward::kThreads>();
  check_partition<typename Forward::Layout, Forward::kTileKv, Forward::kThreads>();
  using Kv = typename DenseBackward<kHeadDim>::Kv;
  check_partition<typename Kv::Layout, Kv::kTileQ, Kv::kThreads>();
  check_partition<typename Kv::Layout, Kv::kTileKv, Kv::kThreads>();
  using Q = typename DenseBackward<kHeadDim>::Q;
  check_partition<typename Q::Layout, Q::kTileQ, Q::kThreads>();
  check_partition<typename Q::Layout, Q::kSubKv, Q::kThreads>();
  CHECK(Forward::kSharedBytes <= 99 * 1024);  // every GPU from sm_80 on
  CHECK(Kv::kSharedBytes <= 163 * 1024);      // sm_80
}

}  // namespace

TEST_CASE("tiles are swizzled without holes or bank conflicts") {
  check_layout<32>();
  check_layout<64>();
  check_layout<96>();
  check_layout<128>();
  check_layout<192>();
  check_layout<256>();
}

TEST_CASE("a step is one XOR and one addition") {
  check_all_steps<32>();
  check_all_steps<64>();
  check_all_steps<96>();
  check_all_steps<128>();
  check_all_steps<192>();
  check_all_steps<256>();
}

TEST_CASE("accumulators of a warp cover their tile once") {
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int r = 0; r < 4; ++r) seen.insert({accumulator_row(lane, r), accumulator_column(lane, r)});
  }
  CHECK(seen.size() == 16 * 8);
  CHECK(seen.begin()->first == 0);
  CHECK(seen.rbegin()->first == 15);
}

TEST_CASE("configurations cover their tiles and fit the GPUs") {
  check_configs<32>();
  check_configs<64>();
  check_configs<96>();
  check_configs<128>();
  check_configs<192>();
  check_configs<256>();
}

TEST_CASE("the smallest kernel that holds a head dim") {
  CHECK(padded_head_dim(8) == 32);
  CHECK(padded_head_dim(40) == 64);
  CHECK(padded_head_dim(64) == 64);
  CHECK(padded_head_dim(80) == 96);
  CHECK(padded_head_dim(112) == 128);
  CHECK(padded_head_dim(136) == 192);
  CHECK(padded_head_dim(256) == 256);
  CHECK(padded_head_dim(0) == 0);
  CHECK(padded_head_dim(60) == 0);
  CHECK(padded_head_dim(264) == 0);
}
