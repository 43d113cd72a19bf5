#include "select_rows.cuh"

#include "choose_row.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 128;

// A thread a query. Each choice is one more look at its gates, which neighbours read at neighbouring addresses: few are
// chosen, so that this beats sorting.
__global__ void __launch_bounds__(kThreads) select_rows_kernel(Chunks chunks, GateStore gates, Rule rule, ChoiceBits bits) {
  const int place = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x),
            head = static_cast<int>(blockIdx.y);
  if (place >= chunks.tokens) return;
  const int own = chunks.chunk_of(place), sequence = chunks.sequence_of[own], first = chunks.sequence_chunks[sequence];
  const Query query{gates.data + gates.index(0, head, place), static_cast<long long>(gates.heads) * gates.tokens,
                    chunks.sequence_chunks[sequence + 1] - first, own - first};
  std::uint32_t* const words = bits.row(head, chunks.map.places.row_of(place));
  const auto set = [&](int chunk) { words[(first + chunk) / 32] |= std::uint32_t{1} << ((first + chunk) % 32); };
  for (int w = 0; w < bits.words; ++w) words[w] = 0;
  choose_row(query, rule, set);
}

}  // namespace

cudaError_t select_rows(const Chunks& chunks, const GateStore& gates, const Rule& rule, const ChoiceBits& bits,
                        cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(chunks.tokens, kThreads)), static_cast<unsigned>(gates.heads));
  return engine::sm80::launch(select_rows_kernel, grid, kThreads, 0, stream, chunks, gates, rule, bits);
}

}  // namespace vmoba::gpu
