// The kernel of filter_rows.cuh: one block selects for 64 places of one head.
#pragma once

#include "choose_row_by_warp.cuh"
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
  // The first tile of means lies beside that of the queries, the second takes its place, the third that of the first.
  static constexpr int kQOffset = 0, kMeansOffset = kTileBytes, kRowsOffset = 2 * kTileBytes;
  static constexpr int kErrorsOffset = kRowsOffset + kOfPlaces, kOpenOffset = kErrorsOffset + kOfPlaces,
                       kNormsOffset = kOpenOffset + kOfPlaces, kOwnOffset = kNormsOffset + kOfPlaces,
                       kGatesOffset = kOwnOffset + kOfPlaces;
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

/// A warp's 16 queries as operands of its products.
template <int kHeadDim>
struct Queries {
  std::uint32_t a[kHeadDim / 16][4];

  __device__ __forceinline__ void load(std::uint32_t shared, int warp) {
    using Layout = FilterLayout<kHeadDim>;
    const auto queries = sm80::a_operand<typename Layout::Tile, false>(shared + Layout::kQOffset, warp, 0);
#pragma unroll
    for (int k = 0; k < kHeadDim / 16; ++k) queries.load(a[k], 0, k);
  }
};

/// Gates of them and the first `chunks` of 64 from the tile of one part, added to `sums`.
template <int kHeadDim, class Element>
__device__ __forceinline__ void add_products(float (&sums)[kFilterPlaces / 8][4], const Queries<kHeadDim>& queries,
                                             std::uint32_t tile, int chunks) {
  using Layout = FilterLayout<kHeadDim>;
  const auto means = sm80::b_operand<typename Layout::Tile, false>(tile, 0, 0);
#pragma unroll
  for (int k = 0; k < kHeadDim / 16; ++k) {
#pragma unroll
    for (int n = 0; n < kFilterPlaces / 16; ++n) {
      if (n * 16 >= chunks) break;
      std::uint32_t b[4];
      means.load(b, n, k);
      // Sums of 16 products each, so that what they lose does not grow with what is summed already.
      float left[4] = {}, right[4] = {};
      sm80::multiply_add<Element>(left, queries.a[k], b[0], b[1]);
      sm80::multiply_add<Element>(right, queries.a[k], b[2], b[3]);
#pragma unroll
      for (int r = 0; r < 4; ++r) sums[2 * n][r] += left[r], sums[2 * n + 1][r] += right[r];
    }
  }
}

/// Starts the copy of tile `number` of a head's means: the parts of 64 chunks, then those of the next 64.
template <int kHeadDim, class Element>
__device__ __forceinline__ void load_means(const FilterArguments& a, int kv_head, int number, std::uint32_t tile,
                                           int thread) {
  using Tile = typename FilterLayout<kHeadDim>::Tile;
  using Part = sm80::CopyPartition<Tile, kFilterPlaces, kFilterThreads>;
  const int first = number / kParts<Element> * kFilterPlaces, part = number % kParts<Element>;
  const long long row = (static_cast<long long>(kv_head) * kParts<Element> + part) * a.parts.chunks + first;
  const auto* const from = reinterpret_cast<const Element*>(a.parts.data) + row * a.parts.dim;
  const int row0 = Part::row0(thread), chunk0 = Part::chunk0(thread);
#pragma unroll
  for (int i = 0; i < Part::kRowSteps; ++i) {
    const int at = row0 + i * Part::kRowStep;
    if (first + i * Part::kRowStep >= a.parts.chunks) break;  // products never look at these
#pragma unroll
    for (int j = 0; j < Part::kChunkSteps; ++j) {
      const int chunk = chunk0 + j * Part::kChunkStep, d = chunk * sm80::kChunkElements;
      const bool valid = first + at < a.parts.chunks && d < a.parts.dim;
      sm80::copy_async_16(tile + Tile::offset(at, chunk), valid ? from + at * a.parts.dim + d : from, valid);
    }
  }
  sm80::copy_async_commit();
}

/// Exact gates of a row and the rule itself, a warp a row and a lane a chunk.
template <class Element>
__device__ __forceinline__ void choose_exactly(const FilterArguments& a, const Element* row, int kv_head, float* gates,
                                               int own, std::uint32_t* words, int lane) {
  constexpr int kOfLane = 4, kOfPiece = sm80::kChunkElements;
  const int chunks = a.parts.chunks;
  const double* const means = a.parts.by_channel + static_cast<long long>(kv_head) * a.parts.dim * chunks;
  for (int c0 = 0; c0 < chunks; c0 += 32 * kOfLane) {
    double sums[kOfLane] = {};
    for (int d0 = 0; d0 < a.parts.dim; d0 += kOfPiece) {
      const uint4 piece = *reinterpret_cast<const uint4*>(row + d0);
      const std::uint32_t pairs[4] = {piece.x, piece.y, piece.z, piece.w};
#pragma unroll
      for (int d = 0; d < kOfPiece; ++d) {
        const float2 pair = sm80::unpack<Element>(pairs[d / 2]);
        const double value = d % 2 == 0 ? pair.x : pair.y;
#pragma unroll
        for (int i = 0; i < kOfLane; ++i) {
          const int c = c0 + i * 32 + lane;
          if (c0 + i * 32 < chunks)
            sums[i] += value * means[static_cast<long long>(d0 + d) * chunks + engine::smaller(c, chunks - 1)];
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kOfLane; ++i)
      if (c0 + i * 32 + lane < chunks) gates[c0 + i * 32 + lane] = usable_gate(sums[i]);
  }
  __syncwarp();
  for (int w = lane; w < a.bits.words; w += 32) words[w] = 0;
  __syncwarp();
  choose_row_by_warp({gates, 1, chunks, own}, a.rule, lane, [&](int chunk) {
    if (lane == 0) words[chunk / 32] |= std::uint32_t{1} << (chunk % 32);
  });
}

// One block 64 places of one head.
template <int kHeadDim, class Element>
__global__ void __launch_bounds__(kFilterThreads, kHeadDim <= 128 ? 4 : 1)
    filter_rows_kernel(EntryRows<Element> q, FilterArguments a) {
  using Layout = FilterLayout<kHeadDim>;
  using Tile = typename Layout::Tile;
  constexpr int kWarps = kFilterThreads / 32;
  unsigned char* const memory = sm80::shared_memory();
  const std::uint32_t shared = sm80::shared_address(memory);
  auto* const rows = reinterpret_cast<int*>(memory + Layout::kRowsOffset);
  auto* const errors = reinterpret_cast<float*>(memory + Layout::kErrorsOffset);
  auto* const open = reinterpret_cast<int*>(memory + Layout::kOpenOffset);
  auto* const owns = reinterpret_cast<int*>(memory + Layout::kOwnOffset);
  auto* const gates = reinterpret_cast<float*>(memory + Layout::kGatesOffset);  // [places][stride]
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int first = static_cast<int>(blockIdx.x) * kFilterPlaces, head = static_cast<int>(blockIdx.y),
            kv_head = head / a.group;
  const int chunks = a.parts.chunks, stride = filter_stride(chunks);

  if (thread < kFilterPlaces) {
    const bool real = first + thread < a.chunks.tokens;
    rows[thread] = real ? a.chunks.map.places.row_of(first + thread) : -1;
    owns[thread] = real ? a.chunks.chunk_of(first + thread) : 0;
  }
  load_means<kHeadDim, Element>(a, kv_head, 0, shared + Layout::kMeansOffset, thread);
  __syncthreads();
  const sm80::HeadRows<const Element> of_head{q.data + head * q.head_stride, static_cast<int>(q.row_stride * 2), q.dim};
  sm80::load_tile<Tile, kFilterPlaces, kFilterThreads>(shared + Layout::kQOffset, rows, of_head, thread);
  sm80::copy_async_commit();
  sm80::copy_async_wait<0>();
  __syncthreads();
  Queries<kHeadDim> queries;
  queries.load(shared, warp);
  bound_errors<kHeadDim, Element>(a, kv_head, thread);
  __syncthreads();  // from here on the queries' tile is free

  const int tiles = engine::ceil_div(chunks, kFilterPlaces) * kParts<Element>;
  float sums[kFilterPlaces / 8][4] = {};
  for (int number = 0; number < tiles; ++number) {
    const int here = number % 2 == 0 ? Layout::kMeansOffset : Layout::kQOffset;
    const int c0 = number / kParts<Element> * kFilterPlaces;
    if (number > 0) {
      sm80::copy_async_wait<0>();
      __syncthreads();  // the tile is there, and all have read the one before
    }
    if (number + 1 < tiles)
      load_means<kHeadDim, Element>(a, kv_head, number + 1, shared + (Layout::kMeansOffset - here), thread);
    add_products<kHeadDim, Element>(sums, queries, shared + here, chunks - c0);
    if (number % kParts<Element> + 1 < kParts<Element>) continue;
#pragma unroll
    for (int n = 0; n < kFilterPlaces / 8; ++n) {
      const int chunk = c0 + n * 8 + sm80::accumulator_column(lane, 0);
      if (chunk < stride) {
        float scale[2];
#pragma unroll
        for (int i = 0; i < 2; ++i)
          scale[i] = chunk + i < chunks ? a.parts.scale[static_cast<long long>(kv_head) * chunks + chunk + i] : 0;
#pragma unroll
        for (int r = 0; r < 4; r += 2) {
          const int place = warp * 16 + sm80::accumulator_row(lane, r);
          *reinterpret_cast<float2*>(gates + place * stride + chunk) =
              float2{chunk < chunks ? sums[n][r] * scale[0] : -INFINITY,
                     chunk + 1 < chunks ? sums[n][r + 1] * scale[1] : -INFINITY};
        }
      }
#pragma unroll
      for (int r = 0; r < 4; ++r) sums[n][r] = 0;
    }
  }
  if (const int c = tiles / kParts<Element> * kFilterPlaces + lane; c < stride)
    for (int place = warp; place < kFilterPlaces; place += kWarps) gates[place * stride + c] = -INFINITY;
  __syncthreads();

  // Two threads a query.
  const int place = thread / 2, half = thread % 2, own = owns[place];
  float* const row_gates = gates + place * stride;
  const float own_gate = row_gates[own];
  __syncwarp();
  if (half == 0) row_gates[own] = -INFINITY;
  __syncwarp();
  const bool mine = rows[place] >= 0;
  const HalfRow half_row{reinterpret_cast<const float4*>(row_gates), stride / 4, half};
  const Filtered filtered = filter_row(half_row, chunks, own_gate, a.rule, errors[place], mine);
  if (half == 0) open[place] = mine && !filtered.certain ? 1 : 0;
  if (mine && filtered.certain) {
    std::uint32_t* const words = a.bits.row(head, rows[place]);
    const bool all = filtered.cut == -INFINITY;
    for (int w = half; w < a.bits.words; w += 2) {
      const int end = engine::smaller(32, chunks - w * 32);
      std::uint32_t word = all ? 0xffffffffu >> (32 - end) : 0;
      for (int bit = 0; bit < end; bit += 4) {
        const float4 four = *reinterpret_cast<const float4*>(row_gates + w * 32 + bit);
        const float of_four[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (of_four[i] > filtered.cut && !all) word |= std::uint32_t{1} << (bit + i);
      }
      if (own / 32 == w) word |= std::uint32_t{1} << (own % 32);
      words[w] = word;
    }
  }
  __syncthreads();
  // The other rows.
  for (int at = warp; at < kFilterPlaces; at += kWarps) {
    if (open[at] == 0) continue;
    choose_exactly(a, q.row(rows[at], head), kv_head, gates + at * stride, owns[at], a.bits.row(head, rows[at]), lane);
  }
}

template <int kHeadDim, class Element>
cudaError_t launch_filter_rows(const EntryRows<Element>& q, const FilterArguments& arguments, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(arguments.chunks.tokens, kFilterPlaces)),
                  static_cast<unsigned>(arguments.bits.heads));
  const auto bytes = static_cast<std::size_t>(filter_bytes(kHeadDim, arguments.parts.chunks));
  return sm80::launch(filter_rows_kernel<kHeadDim, Element>, grid, kFilterThreads, bytes, stream, q, arguments);
}

}  // namespace vmoba::gpu
