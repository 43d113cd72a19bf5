#include "gather_lists.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

namespace sm80 = engine::sm80;

// A counting sort by chunk, stable in the rows: segments of rows are counted, the counts are summed, the rows are placed.
constexpr int kSteps = 8, kSegment = 32 * kSteps;  // rows of a segment: a warp, 32 at a time
constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr int kLayoutThreads = 512, kLayoutWarps = kLayoutThreads / 32;

struct Lists {
  ChoiceBits bits;
  int chunks, tile, tiles, tiles_of_pass, passes, segments, group, width;
  int *rows, *chunk_of_tile, *first_tile, *first_item, *slots, *form, *blocks_done;
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

__device__ int warp_sum(int value) {
  for (int by = 16; by > 0; by /= 2) value += __shfl_xor_sync(0xffffffffu, value, by);
  return value;
}

/// The sum of a lane's value and those of the lanes before it.
__device__ int warp_scan(int value, int lane) {
  for (int by = 1; by < 32; by *= 2) {
    const int other = __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(by));
    if (lane >= by) value += other;
  }
  return value;
}

/// body(chunk, its tiles) for the chunks of a head, a warp a chunk; every lane calls it.
template <class Body>
__device__ void each_chunk(const Lists& lists, int head, int thread, Body&& body) {
  for (int chunk = thread / 32; chunk < lists.chunks; chunk += kLayoutWarps) {
    const int* segment = lists.segment + segment_at(lists, head, chunk, 0);
    int rows = 0;
    for (int s = thread % 32; s < lists.segments; s += 32) rows += segment[s];
    body(chunk, engine::ceil_div(warp_sum(rows), lists.tile));
  }
}

// A block a group of heads: form = 1 where the tiles of one of them have no room.
__global__ void __launch_bounds__(kLayoutThreads) find_form_kernel(const Lists lists) {
  __shared__ int tiles, most;
  const int first = static_cast<int>(blockIdx.x) * lists.group, thread = static_cast<int>(threadIdx.x);
  if (thread == 0) most = 0;
  for (int head = first; head < first + lists.group; ++head) {
    if (thread == 0) tiles = 0;
    __syncthreads();
    each_chunk(lists, head, thread, [&](int, int own) {
      if (thread % 32 == 0) atomicAdd(&tiles, own);
    });
    __syncthreads();
    if (thread == 0) most = engine::larger(most, tiles);
  }
  __syncthreads();
  for (int head = first + thread; head < first + lists.group; head += kLayoutThreads)
    lists.form[head] = most > lists.tiles ? 1 : 0;
}

/// first[i] becomes the sum of the counts before it, first[count] that of all. For a whole block.
__device__ void scan_in_place(int* first, int count, int thread) {
  __shared__ int of_warp[kLayoutWarps];
  int before = 0;
  for (int i0 = 0; i0 < count; i0 += kLayoutThreads) {
    const int own = i0 + thread < count ? first[i0 + thread] : 0;
    int sum = warp_scan(own, thread % 32);
    if (thread % 32 == 31) of_warp[thread / 32] = sum;
    __syncthreads();
    int all = 0;
    for (int w = 0; w < kLayoutWarps; ++w) {
      if (w < thread / 32) sum += of_warp[w];
      all += of_warp[w];
    }
    if (i0 + thread < count) first[i0 + thread] = before + sum - own;
    before += all;
    __syncthreads();
  }
  if (thread == 0) first[count] = before;
}

/// The items of each pass, once the tiles of all heads are known. For a whole block.
__device__ void count_items(const Lists& lists, int thread) {
  const int heads = lists.bits.heads;
  const volatile int* first_tile = lists.first_tile;  // other blocks wrote most of it
  for (int pass = thread; pass < lists.passes; pass += kLayoutThreads) {
    int* const first_item = lists.first_item + static_cast<long long>(pass) * (heads + 1);
    int before = 0;
    for (int head = 0; head < heads; ++head) {
      const int used = first_tile[static_cast<long long>(head) * (lists.chunks + 1) + lists.chunks];
      first_item[head] = before;
      before += engine::larger(0, engine::smaller(used - pass * lists.tiles_of_pass, lists.tiles_of_pass));
    }
    first_item[heads] = before;
  }
}

// A block a head: the tiles of each chunk, and where each segment starts; the last one counts the items.
__global__ void __launch_bounds__(kLayoutThreads) layout_kernel(const Lists lists) {
  __shared__ bool is_last;
  const int head = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  int* const first_tile = lists.first_tile + static_cast<long long>(head) * (lists.chunks + 1);
  int* const chunk_of_tile = lists.chunk_of_tile + static_cast<long long>(head) * lists.tiles;
  const bool listed = lists.listed(head);
  each_chunk(lists, head, thread, [&](int chunk, int own) {
    if (lane == 0) first_tile[chunk] = listed ? own : 0;
  });
  __syncthreads();
  scan_in_place(first_tile, lists.chunks, thread);
  __syncthreads();
  for (int chunk = thread / 32; chunk < lists.chunks && listed; chunk += kLayoutWarps) {
    for (int tile = first_tile[chunk] + lane; tile < first_tile[chunk + 1]; tile += 32) chunk_of_tile[tile] = chunk;
    int* const segment = lists.segment + segment_at(lists, head, chunk, 0);
    int at = first_tile[chunk] * lists.tile;
    for (int s0 = 0; s0 < lists.segments; s0 += 32) {
      const int count = s0 + lane < lists.segments ? segment[s0 + lane] : 0, sum = warp_scan(count, lane);
      if (s0 + lane < lists.segments) segment[s0 + lane] = at + sum - count;
      at += __shfl_sync(0xffffffffu, sum, 31);
    }
  }
  // The counter starts at -1, as all of the lists.
  if (thread == 0) {
    __threadfence();
    is_last = atomicAdd(lists.blocks_done, 1) + 2 == lists.bits.heads;
    __threadfence();
  }
  __syncthreads();
  if (is_last) count_items(lists, thread);
}

// A warp a segment of one head.
__global__ void __launch_bounds__(kThreads) place_rows_kernel(const Lists lists) {
  const int segment = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32,
            head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (segment >= lists.segments || !lists.listed(head)) return;
  int* const rows = lists.rows + static_cast<long long>(head) * lists.tiles * lists.tile;
  int chosen[kSteps] = {};  // chunks that this lane's rows have so far
  const auto slot = [&](int i, int row) -> int& {
    return lists.slots[(static_cast<long long>(i) * lists.bits.heads + head) * lists.bits.tokens + row];
  };
  each_vote(lists, head, segment, lane, [&](int chunk, const unsigned(&votes)[kSteps]) {
    int at = lists.segment[segment_at(lists, head, chunk, segment)];
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const int row = segment * kSegment + i * 32 + lane;
      if (votes[i] >> lane & 1) {
        const int to = at + __popc(votes[i] & ((1u << lane) - 1));
        rows[to] = row;
        slot(chosen[i]++, row) = to;
      }
      at += __popc(votes[i]);
    }
  });
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    const int row = segment * kSegment + i * 32 + lane;
    if (row < lists.bits.tokens && chosen[i] < lists.width) slot(chosen[i], row) = -1;
  }
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
  cleared_ = heads * tiles * (room.tile + 1) + 1;
  rows_ = workspace.take<int>(cleared_);
  chunk_of_tile_ = rows_ + heads * tiles * room.tile;
  blocks_done_ = chunk_of_tile_ + heads * tiles;
  first_tile_ = workspace.take<int>(int64_t{heads} * (most_chunks + 1));
  first_item_ = workspace.take<int>(int64_t{room.passes} * (heads + 1));
  segment_ = workspace.take<int>(int64_t{heads} * most_chunks * segments_);
  slots_ = workspace.take<int>(int64_t{room.width} * heads * tokens);
  if (may_overflow) form_ = workspace.take<int>(heads);
}

cudaError_t GatherLists::fill(const ChoiceBits& bits, cudaStream_t stream) const {
  const int tiles = room_.tiles * room_.passes, group = heads_ / kv_heads_;
  const Lists lists{bits,        chunks_,     room_.tile,  tiles, room_.tiles,     room_.passes,
                    segments_,   group,       room_.width, rows_, chunk_of_tile_, first_tile_,
                    first_item_, slots_,      form_,       blocks_done_, segment_};
  const dim3 segments(static_cast<unsigned>(engine::ceil_div(segments_, kWarps)), static_cast<unsigned>(heads_));
  const dim3 heads(static_cast<unsigned>(heads_)), groups(static_cast<unsigned>(kv_heads_));
  cudaError_t error = cudaMemsetAsync(rows_, 0xFF, static_cast<std::size_t>(cleared_) * sizeof(int), stream);
  if (error == cudaSuccess) error = sm80::launch(count_rows_kernel, segments, kThreads, 0, stream, lists);
  if (error == cudaSuccess && form_ != nullptr)
    error = sm80::launch(find_form_kernel, groups, kLayoutThreads, 0, stream, lists);
  if (error == cudaSuccess) error = sm80::launch(layout_kernel, heads, kLayoutThreads, 0, stream, lists);
  if (error == cudaSuccess) error = sm80::launch(place_rows_kernel, segments, kThreads, 0, stream, lists);
  return error;
}

ListedRows GatherLists::rows_of(int pass) const {
  return {rows_, room_.tiles * room_.passes, pass * room_.tiles, room_.tiles};
}

Gather GatherLists::policy(const Chunks& chunks, int pass) const {
  const ListedRows rows = rows_of(pass);
  ChunkMap keys = chunks.map;
  keys.heads = {form_, 0};
  return {rows, {rows}, keys, chunk_of_tile_, first_tile_};
}

Sm90Gradients GatherLists::sm90_gradients(const Chunks& chunks) const {
  const int tiles = room_.tiles * room_.passes;
  ChunkMap keys = chunks.map;
  keys.heads = {form_, 0};
  return {{rows_, tiles, 0, tiles}, keys, first_tile_};
}

Sm90Gather GatherLists::sm90_policy(const engine::sm90::ChunkCopies& chunks, int pass) const {
  const int* first_item = first_item_ + static_cast<std::int64_t>(pass) * (heads_ + 1);
  return {{partial_rows()}, chunks, rows_of(pass), chunk_of_tile_, first_item, heads_};
}

}  // namespace vmoba::gpu
