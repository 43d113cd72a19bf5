// Where the elements of a 16-bit tile lie in shared memory, and which of them each lane of a warp holds.
// Plain constexpr arithmetic, tested on the host; the kernels use exactly these functions.
#pragma once

#include <fvattn/engine/portable.hpp>

#include <cstdint>

namespace fvattn::engine::sm80 {

inline constexpr int kLanes = 32;
inline constexpr int kChunkElements = 8;  // 16 bytes: what cp.async copies and a row of ldmatrix reads
inline constexpr int kChunkBytes = 16;
inline constexpr int kFragment = 16;      // rows and columns of the blocks that ldmatrix.x4 reads

/// Rows of kColumns elements without padding. The 16-byte chunks of a row are permuted by an XOR with bits of the row
/// number, so that the 8 rows of one ldmatrix phase hit 8 different bank groups. A row of 128 bytes (or a multiple)
/// XORs 3 bits; rows that are an odd multiple of 64 bytes already alternate between the two halves of a bank line, so
/// they XOR 2 bits of row / 2. The tile starts at a multiple of 128 bytes.
template <int kColumns_>
struct TileLayout {
  static constexpr int kColumns = kColumns_;
  static constexpr int kPitch = kColumns * 2;  // bytes of a row
  static constexpr int kChunks = kColumns / kChunkElements;
  static constexpr int kSwizzleBytes = kColumns % 64 == 0 ? 128 : 64;
  static_assert(kColumns % 32 == 0);

  static FVATTN_BOTH constexpr int swizzle(int row) { return kSwizzleBytes == 128 ? row & 7 : (row >> 1) & 3; }
  /// Byte offset of a chunk.
  static FVATTN_BOTH constexpr std::uint32_t offset(int row, int chunk) {
    return static_cast<std::uint32_t>(row * kPitch + (chunk ^ swizzle(row)) * kChunkBytes);
  }
  /// From the address of (row, chunk) to that of (row + 16 * rows16, chunk + 2 * columns16). Needs the bits of chunk and
  /// of 2 * columns16 to be disjoint; with constants it costs one XOR, and the rest folds into the instruction.
  static FVATTN_BOTH constexpr std::uint32_t step(std::uint32_t address, int rows16, int columns16) {
    const int bytes = columns16 * 2 * kChunkBytes;
    return (address ^ static_cast<std::uint32_t>(bytes % kSwizzleBytes)) +
           static_cast<std::uint32_t>(bytes / kSwizzleBytes * kSwizzleBytes + rows16 * kFragment * kPitch);
  }
};

/// The row and the 8-column half whose address a lane gives to ldmatrix.x4 for a 16x16 block.
struct LaneBlock {
  int row, half;
};

/// Matrices ordered (rows 0-7, left), (rows 8-15, left), (0-7, right), (8-15, right): the A operand stored [m][k], and
/// the B operand stored [k][n] (read transposed).
FVATTN_BOTH constexpr LaneBlock lane_rows_first(int lane) { return {lane & 15, lane >> 4}; }

/// Matrices ordered (0-7, left), (0-7, right), (8-15, left), (8-15, right): the B operand stored [n][k], and the A
/// operand stored [k][m] (read transposed).
FVATTN_BOTH constexpr LaneBlock lane_columns_first(int lane) { return {(lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1}; }

/// Accumulators of mma.m16n8k16: register r of a lane is element (accumulator_row, accumulator_column) of the 16x8 tile.
/// Two neighbouring n tiles, rounded and packed in pairs, are the A operand of a 16x16 block: registers 0, 1 of the left
/// tile, 2, 3 of the left, 0, 1 of the right, 2, 3 of the right.
FVATTN_BOTH constexpr int accumulator_row(int lane, int r) { return (lane >> 2) + ((r >> 1) << 3); }
FVATTN_BOTH constexpr int accumulator_column(int lane, int r) { return ((lane & 3) << 1) + (r & 1); }

/// How the threads of a group share the chunks of a tile when they copy it: a thread owns rows row0 + i * kRowStep and
/// chunks chunk0 + j * kChunkStep.
template <class Layout, int kRows, int kThreads>
struct CopyPartition {
  static constexpr int kChunkStep = Layout::kChunks % 8 == 0 ? 8 : 4;
  static constexpr int kRowStep = kThreads / kChunkStep;
  static constexpr int kRowSteps = kRows / kRowStep;
  static constexpr int kChunkSteps = Layout::kChunks / kChunkStep;
  static_assert(kRows % kRowStep == 0, "the threads cover the rows evenly");
  static_assert(kRowStep % 8 == 0, "the swizzle repeats every 8 rows");

  static FVATTN_BOTH constexpr int row0(int thread) { return thread / kChunkStep; }
  static FVATTN_BOTH constexpr int chunk0(int thread) { return thread % kChunkStep; }
};

}  // namespace fvattn::engine::sm80
