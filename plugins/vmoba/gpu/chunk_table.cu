#include "chunk_table.cuh"

#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/plugin/cuda.hpp>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using engine::Extent3;

namespace {

constexpr int kThreads = 256, kLanes = 32;

struct TableArguments {
  const int* cu;  // null: one sequence of all tokens
  int sequences, tokens, chunk_tokens, most, of_sequence;
  int *starts, *sequence_chunks, *sequence_of;
};

// One block. Its first warp counts the chunks before each sequence, then every thread fills sequences of its own.
__global__ void __launch_bounds__(kThreads) chunk_table_kernel(const TableArguments a) {
  const int thread = static_cast<int>(threadIdx.x);
  const auto first_token = [&](int s) { return a.cu != nullptr ? a.cu[s] : s == 0 ? 0 : a.tokens; };
  if (thread < kLanes) {
    int before = 0;
    for (int s0 = 0; s0 < a.sequences; s0 += kLanes) {
      const int s = s0 + thread;
      const int length = s < a.sequences ? first_token(s + 1) - first_token(s) : 0;
      const int own = engine::smaller(engine::ceil_div(engine::larger(length, 0), a.chunk_tokens), a.of_sequence);
      int sum = own;
      for (int by = 1; by < kLanes; by *= 2) {
        const int other = __shfl_up_sync(0xffffffffu, sum, static_cast<unsigned>(by));
        if (thread >= by) sum += other;
      }
      if (s < a.sequences) a.sequence_chunks[s] = engine::smaller(a.most, before + sum - own);
      before += __shfl_sync(0xffffffffu, sum, kLanes - 1);
    }
    if (thread == 0) a.sequence_chunks[a.sequences] = engine::smaller(a.most, before);
  }
  __syncthreads();
  for (int s = thread; s < a.sequences; s += kThreads) {
    const int first = a.sequence_chunks[s], end = a.sequence_chunks[s + 1], start = first_token(s);
    for (int c = first; c < end; ++c) {
      a.starts[c] = engine::smaller(a.tokens, engine::larger(0, start + (c - first) * a.chunk_tokens));
      a.sequence_of[c] = s;
    }
  }
  for (int c = a.sequence_chunks[a.sequences] + thread; c <= a.most; c += kThreads) {
    a.starts[c] = a.tokens;
    if (c < a.most) a.sequence_of[c] = a.sequences - 1;
  }
}

/// Boxes of the raster grid, row-major, t-major inside; whole boxes along each axis.
__global__ void __launch_bounds__(kThreads) place_rows_kernel(Extent3 grid, Extent3 box, int* rows) {
  const int place = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (place >= grid.volume()) return;
  const int number = place / box.volume(), at = place % box.volume(), n_h = grid.h / box.h, n_w = grid.w / box.w;
  const int t = number / (n_h * n_w) * box.t + at / (box.h * box.w), h = number / n_w % n_h * box.h + at / box.w % box.h,
            w = number % n_w * box.w + at % box.w;
  rows[place] = (t * grid.h + h) * grid.w + w;
}

Extent3 extent(const Grid& grid) {
  return {static_cast<int>(grid[0]), static_cast<int>(grid[1]), static_cast<int>(grid[2])};
}

}  // namespace

ChunkTables::ChunkTables(const fvattn_problem& p, const Limits& limits, Workspace& workspace)
    : sequences(is_varlen(p) ? static_cast<int>(limits.sequences) : 1) {
  starts = workspace.take<int>(limits.chunks + 1);
  sequence_chunks = workspace.take<int>(sequences + 1);
  sequence_of = workspace.take<int>(limits.chunks);
  rows = workspace.take<int>(p.q_len);
}

Chunks make_chunks(const fvattn_problem& p, const Config& config, const Limits& limits, const int* cu_seqlens,
                   const ChunkTables& tables, cudaStream_t stream) {
  const int tokens = static_cast<int>(p.q_len), most = static_cast<int>(limits.chunks),
            chunk_tokens = static_cast<int>(limits.chunk_tokens), of_sequence = static_cast<int>(limits.of_sequence);
  const TableArguments arguments{cu_seqlens,    tables.sequences,       tokens,            chunk_tokens, most, of_sequence,
                                 tables.starts, tables.sequence_chunks, tables.sequence_of};
  check(engine::sm80::launch(chunk_table_kernel, dim3(1), kThreads, 0, stream, arguments), "the table of chunks");
  PlaceMap places;
  if (const ChunkSize& size = config.chunking(p.layer_index).size; size.dimensions() != 1) {
    const Extent3 grid = extent(config.grid), box = extent(size.box(config.grid));
    check(engine::sm80::launch(place_rows_kernel, dim3(static_cast<unsigned>(engine::ceil_div(tokens, kThreads))), kThreads,
                               0, stream, grid, box, tables.rows),
          "the rows of chunks");
    places.rows = tables.rows;
  }
  const int longest = static_cast<int>(std::min(limits.chunk_tokens, limits.longest));
  return {{tables.starts, most, longest, places},
          tables.sequence_chunks,
          tables.sequence_of,
          tables.sequences,
          of_sequence,
          tokens};
}

}  // namespace vmoba::gpu
