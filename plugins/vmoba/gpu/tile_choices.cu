#include "tile_choices.cuh"

#include "inverse_lists.cuh"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 64;

struct UnionArguments {
  Chunks chunks;
  ChoiceBits bits;
  int tile_q, q_tiles, width;
  std::uint32_t* of_tile;
  int *list, *count;
};

// One block a query tile of one head: the union of its rows' bits, and its list.
__global__ void __launch_bounds__(kThreads) union_kernel(const UnionArguments a) {
  auto* const any = reinterpret_cast<std::uint32_t*>(engine::sm80::shared_memory());  // [words]
  const int tile = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), thread = static_cast<int>(threadIdx.x);
  const int words = a.bits.words, per_chunk = engine::ceil_div(a.chunks.map.longest, a.tile_q), chunk = tile / per_chunk;
  const int first = a.chunks.map.starts[chunk] + tile % per_chunk * a.tile_q;
  const int end = engine::smaller(a.chunks.map.starts[chunk + 1], first + a.tile_q);
  for (int w = thread; w < words; w += kThreads) any[w] = 0;
  __syncthreads();
  for (int place = first + thread; place < end; place += kThreads) {
    const std::uint32_t* row = a.bits.row(head, a.chunks.map.places.row_of(place));
    for (int w = 0; w < words; ++w)
      if (row[w] != 0) atomicOr(&any[w], row[w]);
  }
  __syncthreads();
  const long long at = static_cast<long long>(head) * a.q_tiles + tile;
  int* const list = a.list + at * a.width;
  for (int w = thread; w < words; w += kThreads) {
    int to = 0;
    for (int before = 0; before < w; ++before) to += __popc(any[before]);
    for (std::uint32_t left = any[w]; left != 0; left &= left - 1) list[to++] = w * 32 + __ffs(static_cast<int>(left)) - 1;
    a.of_tile[at * words + w] = any[w];
    if (w == words - 1) a.count[at] = to;
  }
}

}  // namespace

TileChoices::TileChoices(int heads, int most_chunks, int longest, int of_sequence, int words, int tile_q, bool with_inverse,
                         fvattn::plugin::Workspace& workspace)
    : heads_(heads), chunks_(most_chunks), q_tiles_(most_chunks * engine::ceil_div(longest, tile_q)), width_(of_sequence),
      words_(words), tile_q_(tile_q) {
  const int64_t tiles = int64_t{heads} * q_tiles_;
  list_ = workspace.take<int>(tiles * width_);
  count_ = workspace.take<int>(tiles);
  of_tile_ = workspace.take<std::uint32_t>(tiles * words);
  if (!with_inverse) return;
  sizes_ = workspace.take<int>(int64_t{heads} * most_chunks);
  offsets_ = workspace.take<long long>(int64_t{heads} * most_chunks + 1);
  inverse_ = workspace.take<int>(tiles * width_);
}

cudaError_t TileChoices::fill(const Chunks& chunks, const ChoiceBits& bits, cudaStream_t stream) const {
  const UnionArguments arguments{chunks, bits, tile_q_, q_tiles_, width_, of_tile_, list_, count_};
  const dim3 grid(static_cast<unsigned>(q_tiles_), static_cast<unsigned>(heads_));
  // Whole vectors of four words: nvcc reads the end of the loop over `before` as one (memcheck saw it beyond 6 words).
  const std::size_t bytes = static_cast<std::size_t>(engine::ceil_div(words_, 4)) * 16;
  const cudaError_t error = engine::sm80::launch(union_kernel, grid, kThreads, bytes, stream, arguments);
  if (error != cudaSuccess || inverse_ == nullptr) return error;
  return invert_tiles({of_tile_, heads_, chunks_, q_tiles_, words_}, sizes_, offsets_, inverse_, stream);
}

RowMask TileChoices::policy(const Chunks& chunks, const ChoiceBits& bits, const int* form) const {
  const engine::ChunkBits rows{bits.data, heads_, bits.tokens, words_};
  ChunkMap map = chunks.map;
  map.heads = {form, 1};
  return {{map, map, rows, {list_, count_, heads_, q_tiles_, width_}, {inverse_, offsets_, heads_, chunks_}}};
}

}  // namespace vmoba::gpu
