// Tiles in shared memory: addresses, the 128-byte swizzle, and the descriptors through which wgmma reads them.
#pragma once

#include <cstdint>

namespace fvattn::engine::sm90 {

using SmemAddress = std::uint32_t; // address in the shared window of this CTA

inline constexpr int kWarpgroupThreads = 128;

// Shared-memory matrix descriptor, 128-byte swizzle. A tile is stored as chunks of 64 columns (128 B), each chunk as
// rows of 128 B, every 8 rows one 1024-byte swizzle atom: stride 1024 B between atoms along the rows.
// chunk_stride_bytes is what separates two chunks; the hardware uses it for MN-major operands only.
__device__ __forceinline__ std::uint64_t matrix_descriptor(SmemAddress base, std::uint32_t chunk_stride_bytes) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
  constexpr std::uint64_t kAtomStride = std::uint64_t{1024 >> 4} << 32;
  return kSwizzle128 | kAtomStride | (static_cast<std::uint64_t>(chunk_stride_bytes >> 4) << 16) |
         static_cast<std::uint64_t>((base & 0x3FFFFu) >> 4);
}
// Moves a descriptor; a multiple of 16 bytes.
__device__ __forceinline__ std::uint64_t descriptor_offset(std::uint64_t descriptor, std::uint32_t bytes) {
  return descriptor + (bytes >> 4);
}

// Byte offset of 16-byte piece `piece` (8 columns) of `row` inside a chunk with 128-byte swizzle.
__device__ __forceinline__ std::uint32_t swizzled_offset(int row, int piece) {
  return static_cast<std::uint32_t>(row * 128 + ((piece ^ (row & 7)) << 4));
}

} // namespace fvattn::engine::sm90
