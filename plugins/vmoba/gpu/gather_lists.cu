#include "gather_lists.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

namespace sm80 = engine::sm80;

// A counting sort by chunk, stable in the rows: segments of rows are counted, the counts are summed, the rows are placed.
constexpr int kSteps = 8, kSegment = 32 * kSteps;  // rows of a segment: a warp, 32 at a time
constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr int kLayoutThreads = 256, kLayoutWarps = kLayoutThreads / 32;

struct Lists {
  ChoiceBits bits;
  int chunks, tile, tiles, segments, group;
  int *rows, *chunk_of_tile, *first_tile, *slots, *form;
  int* segment;  // [heads, chunks, segments]: counts, then where a segment's rows of a chunk go

  __device__ bool listed(int head) const { return form == nullptr || form[head] == 0; }
};

/// body(chunk, votes[kSteps]) for every chunk: which of the segment's rows chose it, 32 rows a vote. For a whole warp.
template <class Body>
__device__ void each_vote(const Lists& lists, int head, int segment, int lane, Body&& body) {
  for (int w = 0; w < lists.bits.words; ++w) {
    std::uint32_t word[kSteps];
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const int row = segment * kSegment + i * 32 + lane;
      word[i] = row < lists.bits.tokens ? lists.bits.row(head, row)[w] : 0;
    }
    for (int bit = 0; bit < 32 && w * 32 + bit < lists.chunks; ++bit) {
      unsigned votes[kSteps];
#pragma unroll
      for (int i = 0; i < kSteps; ++i) votes[i] = __ballot_sync(0xffffffffu, (word[i] >> bit & 1) != 0);
      body(w * 32 + bit, votes);
    }
  }
}

__device__ long long segment_at(const Lists& lists, int head, int chunk, int segment) {
  return (static_cast<long long>(head) * lists.chunks + chunk) * lists.segments + segment;
}

// A warp a segment of one head.
__global__ void __launch_bounds__(kThreads) count_rows_kernel(const Lists lists) {
  const int segment = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32,
            head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (segment >= lists.segments) return;
  each_vote(lists, head, segment, lane, [&](int chunk, const unsigned(&votes)[kSteps]) {
    int count = 0;
#pragma unroll
    for (int i = 0; i < kSteps; ++i) count += __popc(votes[i]);
    if (lane == 0) lists.segment[segment_at(lists, head, chunk, segment)] = count;
  });
}

/// The rows of a chunk in all segments.
__device__ int rows_of(const Lists& lists, int head, int chunk) {
  const int* segment = lists.segment + segment_at(lists, head, chunk, 0);
  int rows = 0;
  for (int s = 0; s < lists.segments; ++s) rows += segment[s];
  return rows;
}

// A block a group of heads: form = 1 where the tiles of one of them have no room.
__global__ void __launch_bounds__(kLayoutThreads) find_form_kernel(const Lists lists) {
  __shared__ int tiles, most;
  const int first = static_cast<int>(blockIdx.x) * lists.group, thread = static_cast<int>(threadIdx.x);
  if (thread == 0) most = 0;
  for (int head = first; head < first + lists.group; ++head) {
    if (thread == 0) tiles = 0;
    __syncthreads();
    for (int chunk = thread; chunk < lists.chunks; chunk += kLayoutThreads)
      atomicAdd(&tiles, engine::ceil_div(rows_of(lists, head, chunk), lists.tile));
    __syncthreads();
    if (thread == 0) most = engine::larger(most, tiles);
  }
  __syncthreads();
  for (int head = first + thread; head < first + lists.group; head += kLayoutThreads)
    lists.form[head] = most > lists.tiles ? 1 : 0;
}

// A block a head: the tiles of each chunk, and where each segment starts.
__global__ void __launch_bounds__(kLayoutThreads) layout_kernel(const Lists lists) {
  __shared__ int of_warp[kLayoutWarps];
  const int head = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  int* const first_tile = lists.first_tile + static_cast<long long>(head) * (lists.chunks + 1);
  int* const chunk_of_tile = lists.chunk_of_tile + static_cast<long long>(head) * lists.tiles;
  if (!lists.listed(head)) {
    for (int chunk = thread; chunk <= lists.chunks; chunk += kLayoutThreads) first_tile[chunk] = 0;
    return;
  }
  int before = 0;
  for (int c0 = 0; c0 < lists.chunks; c0 += kLayoutThreads) {
    const int chunk = c0 + thread;
    const int own = chunk < lists.chunks ? engine::ceil_div(rows_of(lists, head, chunk), lists.tile) : 0;
    int sum = own;
    for (int by = 1; by < 32; by *= 2) {
      const int other = __shfl_up_sync(0xffffffffu, sum, static_cast<unsigned>(by));
      if (lane >= by) sum += other;
    }
    if (lane == 31) of_warp[thread / 32] = sum;
    __syncthreads();
    int all = 0;
    for (int w = 0; w < kLayoutWarps; ++w) {
      if (w < thread / 32) sum += of_warp[w];
      all += of_warp[w];
    }
    const int first = before + sum - own;
    if (chunk < lists.chunks) {
      first_tile[chunk] = first;
      for (int tile = first; tile < first + own; ++tile) chunk_of_tile[tile] = chunk;
      int* const segment = lists.segment + segment_at(lists, head, chunk, 0);
      int at = first * lists.tile;
      for (int s = 0; s < lists.segments; ++s) {
        const int count = segment[s];
        segment[s] = at;
        at += count;
      }
    }
    before += all;
    __syncthreads();
  }
  if (thread == 0) first_tile[lists.chunks] = before;
}

// A warp a segment of one head.
__global__ void __launch_bounds__(kThreads) place_rows_kernel(const Lists lists) {
  const int segment = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32,
            head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (segment >= lists.segments || !lists.listed(head)) return;
  int* const rows = lists.rows + static_cast<long long>(head) * lists.tiles * lists.tile;
  int chosen[kSteps] = {};  // chunks that this lane's rows have so far
  each_vote(lists, head, segment, lane, [&](int chunk, const unsigned(&votes)[kSteps]) {
    int at = lists.segment[segment_at(lists, head, chunk, segment)];
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const int row = segment * kSegment + i * 32 + lane;
      if (votes[i] >> lane & 1) {
        const int to = at + __popc(votes[i] & ((1u << lane) - 1));
        rows[to] = row;
        lists.slots[(static_cast<long long>(chosen[i]++) * lists.bits.heads + head) * lists.bits.tokens + row] = to;
      }
      at += __popc(votes[i]);
    }
  });
}

}  // namespace

GatherRoom GatherRoom::of(int chunks, int tokens, int most_chunks, int width, int tile) {
  constexpr int kChunksOfPass = 8;  // partial results of a pass are that many times as large as o
  if (chunks == 0) return {};
  // Every chunk wastes less than a tile. Fewer chunks never need more: what a plan made room for serves them too.
  const int64_t tiles = int64_t{tokens} * engine::smaller(chunks, kChunksOfPass) / tile + most_chunks;
  return {tile, static_cast<int>(tiles), engine::ceil_div(chunks, kChunksOfPass), width};
}

GatherLists::GatherLists(const GatherRoom& room, int heads, int kv_heads, int tokens, int most_chunks, bool may_overflow,
                         fvattn::plugin::Workspace& workspace)
    : room_(room), heads_(heads), kv_heads_(kv_heads), tokens_(tokens), chunks_(most_chunks),
      segments_(engine::ceil_div(tokens, kSegment)) {
  const int64_t tiles = int64_t{room.tiles} * room.passes;
  rows_ = workspace.take<int>(heads * tiles * room.tile);
  chunk_of_tile_ = workspace.take<int>(heads * tiles);
  first_tile_ = workspace.take<int>(int64_t{heads} * (most_chunks + 1));
  segment_ = workspace.take<int>(int64_t{heads} * most_chunks * segments_);
  slots_ = workspace.take<int>(int64_t{room.width} * heads * tokens);
  if (may_overflow) form_ = workspace.take<int>(heads);
}

cudaError_t GatherLists::fill(const ChoiceBits& bits, cudaStream_t stream) const {
  const int tiles = room_.tiles * room_.passes;
  const Lists lists{bits,           chunks_,     room_.tile, tiles, segments_, heads_ / kv_heads_, rows_,
                    chunk_of_tile_, first_tile_, slots_,     form_, segment_};
  const auto none = [&](int* list, int64_t length) {
    return cudaMemsetAsync(list, 0xFF, static_cast<std::size_t>(length) * sizeof(int), stream);
  };
  const dim3 segments(static_cast<unsigned>(engine::ceil_div(segments_, kWarps)), static_cast<unsigned>(heads_));
  const dim3 heads(static_cast<unsigned>(heads_)), groups(static_cast<unsigned>(kv_heads_));
  cudaError_t error = none(rows_, int64_t{heads_} * tiles * room_.tile);
  if (error == cudaSuccess) error = none(chunk_of_tile_, int64_t{heads_} * tiles);
  if (error == cudaSuccess) error = none(slots_, int64_t{room_.width} * heads_ * tokens_);
  if (error == cudaSuccess) error = sm80::launch(count_rows_kernel, segments, kThreads, 0, stream, lists);
  if (error == cudaSuccess && form_ != nullptr)
    error = sm80::launch(find_form_kernel, groups, kLayoutThreads, 0, stream, lists);
  if (error == cudaSuccess) error = sm80::launch(layout_kernel, heads, kLayoutThreads, 0, stream, lists);
  if (error == cudaSuccess) error = sm80::launch(place_rows_kernel, segments, kThreads, 0, stream, lists);
  return error;
}

Gather GatherLists::policy(const Chunks& chunks, int pass) const {
  const ListedRows rows{rows_, room_.tiles * room_.passes, pass * room_.tiles, room_.tiles};
  ChunkMap keys = chunks.map;
  keys.heads = {form_, 0};
  return {rows, {rows}, keys, chunk_of_tile_, first_tile_};
}

}  // namespace vmoba::gpu
