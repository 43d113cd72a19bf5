// Moving tiles between the strided tensors and shared memory, 16 bytes a thread, rows named by the policy's token maps.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/tensor.hpp>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// One (batch, head) of a strided tensor.
template <class Element>
struct HeadRows {
  Element* data;
  int row_bytes;
  int head_dim;  // columns that exist; the tile's further columns are zero

  __device__ __forceinline__ Element* row(int index) const {
    const std::int64_t bytes = static_cast<std::int64_t>(index) * row_bytes;
    return reinterpret_cast<Element*>(reinterpret_cast<std::uintptr_t>(data) + bytes);
  }
};

template <class Element>
__device__ __forceinline__ HeadRows<const Element> head_rows(const ConstTensor& tensor, int batch, int head, int head_dim) {
  return {static_cast<const Element*>(tensor.data) + batch * tensor.batch_stride + head * tensor.head_stride,
          static_cast<int>(tensor.row_stride * 2), head_dim};
}

template <class Element>
__device__ __forceinline__ HeadRows<Element> head_rows(const MutableTensor& tensor, int batch, int head, int head_dim) {
  return {static_cast<Element*>(tensor.data) + batch * tensor.batch_stride + head * tensor.head_stride,
          static_cast<int>(tensor.row_stride * 2), head_dim};
}

/// Writes the memory rows of a tile to a table in shared memory: each is computed once a CTA, however dear the map is.
template <int kRows, int kThreads, class Map>
__device__ __forceinline__ void fill_rows(int* table, const Map& map, const WorkItem& item, int tile,
                                          int thread = thread_index()) {
  if constexpr (kRows <= kThreads) {
    if (thread < kRows) table[thread] = map.template row<kRows>(item, tile, thread);
  } else {
    for (int slot = thread; slot < kRows; slot += kThreads) {
      table[slot] = map.template row<kRows>(item, tile, slot);
    }
  }
}

/// Partial results go to rows of their own (policy.hpp, o_map).
template <class Policy>
concept HasOutputMap = requires(const Policy& policy) { policy.o_map; };

/// Starts the copy of a tile; slots without a row and columns past head_dim become zero. The caller commits the group.
template <class Layout, int kRows, int kThreads, class Element>
__device__ __forceinline__ void load_tile(std::uint32_t target, const int* table, const HeadRows<const Element>& from,
                                          int thread = thread_index()) {
  using Part = CopyPartition<Layout, kRows, kThreads>;
  const int row0 = Part::row0(thread), chunk0 = Part::chunk0(thread);
  const std::uint32_t target0 = target + Layout::offset(row0, chunk0);
#pragma unroll
  for (int i = 0; i < Part::kRowSteps; ++i) {
    const int row = table[row0 + i * Part::kRowStep];
    const Element* const source = from.row(larger(row, 0)) + chunk0 * kChunkElements;
#pragma unroll
    for (int j = 0; j < Part::kChunkSteps; ++j) {
      // An address past head_dim is formed but not read.
      const bool valid = row >= 0 && (chunk0 + j * Part::kChunkStep) * kChunkElements < from.head_dim;
      copy_async_16(target0 + i * Part::kRowStep * Layout::kPitch + j * Part::kChunkStep * kChunkBytes,
                    source + j * Part::kChunkStep * kChunkElements, valid);
    }
  }
}

/// Changes the sign of the elements that this thread copied with load_tile; their copy has arrived.
template <class Layout, int kRows, int kThreads>
__device__ __forceinline__ void negate_own_chunks(unsigned char* tile) {
  using Part = CopyPartition<Layout, kRows, kThreads>;
  for (int i = 0; i < Part::kRowSteps; ++i) {
    for (int j = 0; j < Part::kChunkSteps; ++j) {
      const int row = Part::row0(thread_index()) + i * Part::kRowStep;
      const int chunk = Part::chunk0(thread_index()) + j * Part::kChunkStep;
      uint4& packed = *reinterpret_cast<uint4*>(tile + Layout::offset(row, chunk));
      constexpr unsigned kSigns = 0x80008000u;
      packed = {packed.x ^ kSigns, packed.y ^ kSigns, packed.z ^ kSigns, packed.w ^ kSigns};
    }
  }
}

/// Writes kRows rows of a tile, from row `first` on, to memory: only rows and columns that exist. `thread` counts within
/// the kThreads threads that share the work (a warp or the CTA).
template <class Layout, int kRows, int kThreads, class Element>
__device__ __forceinline__ void store_rows(const unsigned char* tile, const int* table, int first, int thread,
                                           const HeadRows<Element>& to) {
  static_assert(kRows * Layout::kChunks % kThreads == 0);
#pragma unroll
  for (int i = 0; i < kRows * Layout::kChunks / kThreads; ++i) {
    const int index = thread + i * kThreads;
    const int slot = first + index / Layout::kChunks, chunk = index % Layout::kChunks;
    const int row = table[slot];
    if (row >= 0 && chunk * kChunkElements < to.head_dim) {
      *reinterpret_cast<uint4*>(to.row(row) + chunk * kChunkElements) =
          *reinterpret_cast<const uint4*>(tile + Layout::offset(slot, chunk));
    }
  }
}

}  // namespace fvattn::engine::sm80
