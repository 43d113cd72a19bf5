// select(): scores of a few query blocks with every key block stay in shared memory, two to a word; a warp then finds the
// k-th largest of a row by bisection of the bits of its key and writes the list.
#pragma once

#include "score_keys.cuh"
#include "select.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {

inline constexpr int kSelectThreads = 256;
inline constexpr int kSelectWarps = kSelectThreads / sm80::kLanes;
inline constexpr int kSelectRows = 16;  // query blocks of a CTA at most: the rows of a matrix product

struct SelectParams {
  SelectArgs args;
  int rows;    // query blocks of a CTA
  int words;   // of a row: pairs of scores, a multiple of 32
  int stride;  // words between rows in shared memory, 4 above a multiple of 32: no bank conflicts
};

/// One lane's part of a row of means, in the order in which products take it: any order of the channels will do, as long
/// as both sides have the same. So a lane reads 16 bytes for two products.
template <int kSegments, class Element>
struct MeanRow {
  uint4 part[kSegments];

  __device__ __forceinline__ void load(const Element* row, int head_dim, bool valid) {
    const int first = sm80::thread_index() % 4 * sm80::kChunkElements;
#pragma unroll
    for (int s = 0; s < kSegments; ++s) {
      const int column = s * 32 + first;
      part[s] = valid && column < head_dim ? *reinterpret_cast<const uint4*>(row + column) : uint4{0, 0, 0, 0};
    }
  }
};

/// Products of 16 rows with the 8 rows of k from `block` on, whole.
template <int kSegments, class Element>
__device__ __forceinline__ void mean_products(float (&acc)[4], const MeanRow<kSegments, Element>& low,
                                              const MeanRow<kSegments, Element>& high, const MeanRow<kSegments, Element>& k,
                                              int head_dim) {
#pragma unroll
  for (int r = 0; r < 4; ++r) acc[r] = 0.0f;
#pragma unroll
  for (int s = 0; s < kSegments; ++s) {
    if (s * 32 >= head_dim) break;
    const std::uint32_t first[4] = {low.part[s].x, high.part[s].x, low.part[s].y, high.part[s].y};
    const std::uint32_t second[4] = {low.part[s].z, high.part[s].z, low.part[s].w, high.part[s].w};
    sm80::multiply_add<Element>(acc, first, k.part[s].x, k.part[s].y);
    sm80::multiply_add<Element>(acc, second, k.part[s].z, k.part[s].w);
  }
}

/// The scores of the CTA's rows in shared memory; kNoScore behind the last block.
template <int kHeadDim, class Element>
__device__ __forceinline__ void fill_scores(const SelectParams& params, unsigned* scores, int first, int head, int batch) {
  constexpr int kSegments = kHeadDim / 32;
  const SelectArgs& args = params.args;
  const int lane = sm80::thread_index() % sm80::kLanes, row = lane / 4;
  MeanRow<kSegments, Element> low, high, k;
  const auto load_q = [&](MeanRow<kSegments, Element>& to, int at) {
    const bool valid = at < params.rows && first + at < args.blocks;
    to.load(row_at<Element>(args.q, batch, valid ? first + at : 0, head), args.head_dim, valid);
  };
  load_q(low, row);
  load_q(high, row + 8);
  const int kv_head = head / (args.heads / args.kv_heads);
  for (int block = sm80::thread_index() / sm80::kLanes * 8; block < 2 * params.words; block += kSelectWarps * 8) {
    const bool valid = block + row < args.blocks;
    k.load(row_at<Element>(args.k, batch, valid ? block + row : 0, kv_head), args.head_dim, valid);
    float acc[4];
    mean_products(acc, low, high, k, args.head_dim);
    const int column = block + lane % 4 * 2;
    const unsigned none = (column < args.blocks ? 0u : kNoScore) | (column + 1 < args.blocks ? 0u : kNoScore << 16);
    unsigned* const to = scores + column / 2;
    if (row < params.rows) to[row * params.stride] = score_pair<Element>(acc[0], acc[1], args.scale) | none;
    if (row + 8 < params.rows) to[(row + 8) * params.stride] = score_pair<Element>(acc[2], acc[3], args.scale) | none;
  }
}

/// Keys of a row that are at least `key`; all lanes of the warp get it.
template <class Element>
__device__ __forceinline__ int count_from(const unsigned* row, int words, unsigned key) {
  using Counter = ScoreCount<Element>;
  constexpr int kRound = Counter::kMost / 4 * sm80::kLanes;  // quads that all lanes may add before they take
  const uint4* const quads = reinterpret_cast<const uint4*>(row);
  Counter counter(score_of<Element>(key));
  int count = 0;
  for (int first = 0; first < words / 4; first += kRound) {
    const int end = engine::smaller(words / 4, first + kRound);
    for (int at = first + sm80::thread_index() % sm80::kLanes; at < end; at += sm80::kLanes) {
      const uint4 quad = quads[at];
      for (const unsigned pair : {quad.x, quad.y, quad.z, quad.w}) counter.add(pair);
    }
    count += counter.take();
  }
#pragma unroll
  for (int mask = sm80::kLanes / 2; mask > 0; mask /= 2) count += __shfl_xor_sync(0xFFFFFFFFu, count, mask);
  return count;
}

/// Writes the blocks of a row whose keys are above `least`, and the first `ties` of those that equal it, ascending.
template <class Element>
__device__ __forceinline__ void write_list(const unsigned* row, int words, unsigned least, int ties, int* list) {
  const int lane = sm80::thread_index() % sm80::kLanes;
  const unsigned below = (1u << lane) - 1;
  int written = 0, ties_seen = 0;
  for (int at = lane; at < words; at += sm80::kLanes) {
    const unsigned pair[2] = {key_of<Element>(row[at] & 0xFFFFu), key_of<Element>(row[at] >> 16)};
    const unsigned tied[2] = {__ballot_sync(0xFFFFFFFFu, pair[0] == least), __ballot_sync(0xFFFFFFFFu, pair[1] == least)};
    const int rank = ties_seen + __popc(tied[0] & below) + __popc(tied[1] & below);
    const bool kept[2] = {pair[0] > least || (pair[0] == least && rank < ties),
                          pair[1] > least || (pair[1] == least && rank + (pair[0] == least) < ties)};
    const unsigned all[2] = {__ballot_sync(0xFFFFFFFFu, kept[0]), __ballot_sync(0xFFFFFFFFu, kept[1])};
    int to = written + __popc(all[0] & below) + __popc(all[1] & below);
    if (kept[0]) list[to++] = 2 * at;
    if (kept[1]) list[to] = 2 * at + 1;
    written += __popc(all[0]) + __popc(all[1]);
    ties_seen += __popc(tied[0]) + __popc(tied[1]);
  }
}

template <int kHeadDim, class Element>
__global__ void __launch_bounds__(kSelectThreads, 4) select_kernel(const __grid_constant__ SelectParams params) {
  const SelectArgs& args = params.args;
  unsigned* const scores = reinterpret_cast<unsigned*>(sm80::shared_memory());
  const int first = static_cast<int>(blockIdx.x) * params.rows, head = static_cast<int>(blockIdx.y),
            batch = static_cast<int>(blockIdx.z);
  fill_scores<kHeadDim, Element>(params, scores, first, head, batch);
  __syncthreads();
  for (int i = sm80::thread_index() / sm80::kLanes; i < params.rows && first + i < args.blocks; i += kSelectWarps) {
    const unsigned* const row = scores + i * params.stride;
    unsigned least = 0;  // the kept-th largest key
    for (unsigned bit = 0x8000u; bit != 0; bit /= 2) {
      if (count_from<Element>(row, params.words, least | bit) >= args.kept) least |= bit;
    }
    const long long at = (static_cast<long long>(batch) * args.heads + head) * args.blocks + first + i;
    const int ties = args.kept - count_from<Element>(row, params.words, least + 1);
    write_list<Element>(row, params.words, least, ties, args.index + at * args.width);
    if (sm80::thread_index() % sm80::kLanes == 0) args.count[at] = args.kept;
  }
}

template <int kHeadDim, class Element>
cudaError_t select(const SelectArgs& args, cudaStream_t stream) {
  constexpr int kSharedBytes = 48 * 1024;  // at most: four CTAs an SM on the larger GPUs
  SelectParams params{args, kSelectRows, engine::ceil_div(args.blocks, 64) * 32, 0};
  params.stride = params.words + 4;
  while (params.rows > 1 && params.rows * params.stride * 4 > kSharedBytes) params.rows /= 2;
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(args.blocks, params.rows)), static_cast<unsigned>(args.heads),
                  static_cast<unsigned>(args.batch));
  return sm80::launch(select_kernel<kHeadDim, Element>, grid, kSelectThreads,
                      static_cast<std::size_t>(params.rows) * params.stride * sizeof(unsigned), stream, params);
}

}  // namespace vsa::gpu
