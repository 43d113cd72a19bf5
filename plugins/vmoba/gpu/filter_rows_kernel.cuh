// The kernel of filter_rows.cuh: one block selects for 64 places of one head.
#pragma once

#include "filter_row.cuh"
#include "filter_rows.cuh"
#include "usable_gate.cuh"

#include <fvattn/engine/sm80/copy.cuh>
#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/engine/sm80/warp_product.cuh>

namespace vmoba::gpu {

namespace sm80 = engine::sm80;

inline constexpr int kFilterThreads = 128;

template <int kHeadDim>
struct FilterLayout {
  using Tile = sm80::TileLayout<kHeadDim>;
  static constexpr int kTileBytes = kFilterPlaces * Tile::kPitch;
  static constexpr int kOfPlaces = kFilterPlaces * 4;  // bytes of an int or float for each
  static constexpr int kQOffset = 0, kMeansOffset = kTileBytes, kRowsOffset = 2 * kTileBytes;
  static constexpr int kSlotsOffset = kRowsOffset + kOfPlaces, kErrorsOffset = kSlotsOffset + kOfPlaces,
                       kUncertainOffset = kErrorsOffset + kOfPlaces, kNormsOffset = kUncertainOffset + kOfPlaces,
                       kGatesOffset = kNormsOffset + kOfPlaces;
};

/// What a gate of the products is off by, as a part of |query| |mean - reference|, at most: 17 addends of a 16-deep product
/// that lose what lies 23 bits below the largest, 3 parts of 16 products summed in float32, the parts' own 2^-23.
inline constexpr float kProductError = 7.7e-6f;    // 2^-17
inline constexpr float kRoundingError = 1.2e-7f;  // of the exact gate to float32, as a part of |query| |mean|

/// The largest norms of a head's means, and with them the error of each query's gates. For a whole block.
template <int kHeadDim, class Element>
__device__ void bound_errors(const FilterArguments& a, int kv_head, int thread) {
  using Layout = FilterLayout<kHeadDim>;
  unsigned char* const shared = sm80::shared_memory();
  auto* const norms = reinterpret_cast<float*>(shared + Layout::kNormsOffset);
  auto* const errors = reinterpret_cast<float*>(shared + Layout::kErrorsOffset);
  constexpr int kWarps = kFilterThreads / 32;
  const long long first = static_cast<long long>(kv_head) * a.parts.chunks;
  float spread = 0, length = 0;
  for (int c = thread; c < a.parts.chunks; c += kFilterThreads)
    spread = fmaxf(spread, a.parts.spread[first + c]), length = fmaxf(length, a.parts.length[first + c]);
  for (int by = 16; by > 0; by /= 2) {
    spread = fmaxf(spread, __shfl_xor_sync(0xffffffffu, spread, by));
    length = fmaxf(length, __shfl_xor_sync(0xffffffffu, length, by));
  }
  if (thread % 32 == 0) norms[thread / 32] = spread, norms[kWarps + thread / 32] = length;
  // Two threads a query.
  constexpr int kHalf = Layout::Tile::kChunks / 2;
  const int place = thread / 2;
  float square = 0;
  for (int i = 0; i < kHalf; ++i) {
    const auto* const piece =
        reinterpret_cast<const Element*>(shared + Layout::kQOffset + Layout::Tile::offset(place, thread % 2 * kHalf + i));
    for (int d = 0; d < sm80::kChunkElements; ++d) {
      const auto value = static_cast<float>(piece[d]);
      square = fmaf(value, value, square);
    }
  }
  square += __shfl_xor_sync(0xffffffffu, square, 1);
  __syncthreads();
  for (int w = 0; w < kWarps; ++w) spread = fmaxf(spread, norms[w]), length = fmaxf(length, norms[kWarps + w]);
  constexpr float kSlack = 1.001f, kLeast = 1e-30f;
  if (thread % 2 == 0)
    errors[place] = sqrtf(square) * kSlack * (kProductError * spread + kRoundingError * length) + kLeast;
}

/// Gates of 16 queries a warp and the first `chunks` of 64 from the tile of one part, added to `sums`.
template <int kHeadDim, class Element>
__device__ void add_products(float (&sums)[kFilterPlaces / 8][4], std::uint32_t shared, int warp, int chunks) {
  using Layout = FilterLayout<kHeadDim>;
  const auto queries = sm80::a_operand<typename Layout::Tile, false>(shared + Layout::kQOffset, warp, 0);
  const auto means = sm80::b_operand<typename Layout::Tile, false>(shared + Layout::kMeansOffset, 0, 0);
#pragma unroll
  for (int k = 0; k < kHeadDim / 16; ++k) {
    std::uint32_t a[4];
    queries.load(a, 0, k);
#pragma unroll
    for (int n = 0; n < kFilterPlaces / 16; ++n) {
      if (n * 16 >= chunks) break;
      std::uint32_t b[4];
      means.load(b, n, k);
      // Sums of 16 products each, so that what they lose does not grow with what is summed already.
      float left[4] = {}, right[4] = {};
      sm80::multiply_add<Element>(left, a, b[0], b[1]);
      sm80::multiply_add<Element>(right, a, b[2], b[3]);
#pragma unroll
      for (int r = 0; r < 4; ++r) sums[2 * n][r] += left[r], sums[2 * n + 1][r] += right[r];
    }
  }
}

// One block 64 places of one head.
template <int kHeadDim, class Element>
__global__ void __launch_bounds__(kFilterThreads) filter_rows_kernel(EntryRows<Element> q, FilterArguments a) {
  using Layout = FilterLayout<kHeadDim>;
  using Tile = typename Layout::Tile;
  constexpr int kWarps = kFilterThreads / 32;
  unsigned char* const memory = sm80::shared_memory();
  const std::uint32_t shared = sm80::shared_address(memory);
  auto* const rows = reinterpret_cast<int*>(memory + Layout::kRowsOffset);
  auto* const slots = reinterpret_cast<int*>(memory + Layout::kSlotsOffset);  // chunks of the tile
  auto* const errors = reinterpret_cast<float*>(memory + Layout::kErrorsOffset);
  auto* const uncertain = reinterpret_cast<int*>(memory + Layout::kUncertainOffset);
  auto* const gates = reinterpret_cast<float*>(memory + Layout::kGatesOffset);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int first = static_cast<int>(blockIdx.x) * kFilterPlaces, head = static_cast<int>(blockIdx.y),
            kv_head = head / a.group;
  const int chunks = a.parts.chunks, stride = chunks | 1;

  if (thread < kFilterPlaces)
    rows[thread] = first + thread < a.chunks.tokens ? a.chunks.map.places.row_of(first + thread) : -1;
  __syncthreads();
  const sm80::HeadRows<const Element> queries{q.data + head * q.head_stride, static_cast<int>(q.row_stride * 2), q.dim};
  sm80::load_tile<Tile, kFilterPlaces, kFilterThreads>(shared + Layout::kQOffset, rows, queries, thread);
  sm80::copy_async_commit();
  for (int c0 = 0; c0 < chunks; c0 += kFilterPlaces) {
    float sums[kFilterPlaces / 8][4] = {};
    for (int part = 0; part < kParts<Element>; ++part) {
      __syncthreads();  // the tile before has been read
      if (thread < kFilterPlaces) slots[thread] = c0 + thread < chunks ? c0 + thread : -1;
      __syncthreads();
      const long long row = (static_cast<long long>(kv_head) * kParts<Element> + part) * chunks;
      const auto* const data = reinterpret_cast<const Element*>(a.parts.data) + row * q.dim;
      const sm80::HeadRows<const Element> of_part{data, q.dim * 2, q.dim};
      sm80::load_tile<Tile, kFilterPlaces, kFilterThreads>(shared + Layout::kMeansOffset, slots, of_part, thread);
      sm80::copy_async_commit();
      sm80::copy_async_wait<0>();
      __syncthreads();
      add_products<kHeadDim, Element>(sums, shared, warp, chunks - c0);
    }
#pragma unroll
    for (int n = 0; n < kFilterPlaces / 8; ++n) {
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const int chunk = c0 + n * 8 + sm80::accumulator_column(lane, r), place = warp * 16 + sm80::accumulator_row(lane, r);
        if (chunk < chunks)
          gates[place * stride + chunk] = sums[n][r] * a.parts.scale[static_cast<long long>(kv_head) * chunks + chunk];
      }
    }
  }
  bound_errors<kHeadDim, Element>(a, kv_head, thread);
  __syncthreads();

  // A thread a query.
  const bool mine = thread < kFilterPlaces && rows[thread] >= 0;
  const int own = mine ? a.chunks.chunk_of(first + thread) : 0;
  Filtered filtered{true, 0};
  if (mine) filtered = filter_row(gates + thread * stride, chunks, own, a.rule, errors[thread]);
  if (thread < kFilterPlaces) uncertain[thread] = filtered.certain ? 0 : 1;
  std::uint32_t* const words = a.bits.row(head, mine ? rows[thread] : 0);
  if (mine && filtered.certain) {
    for (int w = 0; w < a.bits.words; ++w) {
      std::uint32_t word = 0;
      for (int bit = 0; bit < 32 && w * 32 + bit < chunks; ++bit) {
        const int c = w * 32 + bit;
        if (c == own || gates[thread * stride + c] > filtered.cut) word |= std::uint32_t{1} << bit;
      }
      words[w] = word;
    }
  }
  __syncthreads();
  // The other rows: exact gates, a warp a query and a lane a chunk.
  const double* const means = a.means + static_cast<long long>(kv_head) * chunks * q.dim;
  for (int place = warp; place < kFilterPlaces; place += kWarps) {
    if (uncertain[place] == 0) continue;
    for (int c = lane; c < chunks; c += 32) {
      double sum = 0;
      for (int d = 0; d < q.dim; ++d) {
        const auto* const piece =
            reinterpret_cast<const Element*>(memory + Layout::kQOffset + Tile::offset(place, d / sm80::kChunkElements));
        const double value = static_cast<float>(piece[d % sm80::kChunkElements]);
        sum += value * means[static_cast<long long>(c) * q.dim + d];
      }
      gates[place * stride + c] = usable_gate(sum);
    }
  }
  __syncthreads();
  if (!mine || filtered.certain) return;
  for (int w = 0; w < a.bits.words; ++w) words[w] = 0;
  choose_row({gates + thread * stride, 1, chunks, own}, a.rule,
             [&](int chunk) { words[chunk / 32] |= std::uint32_t{1} << (chunk % 32); });
}

template <int kHeadDim, class Element>
cudaError_t launch_filter_rows(const EntryRows<Element>& q, const FilterArguments& arguments, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(arguments.chunks.tokens, kFilterPlaces)),
                  static_cast<unsigned>(arguments.bits.heads));
  const auto bytes = static_cast<std::size_t>(filter_bytes(kHeadDim, arguments.parts.chunks));
  return sm80::launch(filter_rows_kernel<kHeadDim, Element>, grid, kFilterThreads, bytes, stream, q, arguments);
}

}  // namespace vmoba::gpu
