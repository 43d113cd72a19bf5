#include "select_rows.cuh"

#include "../selection/shares.hpp"

#include <fvattn/engine/sm80/launch.cuh>

#include <cmath>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 128;

/// The gates of one query in the order of selection: by gate, falling, then by chunk.
struct Query {
  const float* gates;
  long long stride;
  int chunks, own;

  __device__ float gate(int chunk) const { return gates[chunk * stride]; }
  /// The best chunk behind `previous` (-1: of all), the own one left out; -1 when there is none.
  __device__ int next(int previous) const {
    const float limit = previous < 0 ? INFINITY : gate(previous);
    int best = -1;
    float most = -INFINITY;
    for (int c = 0; c < chunks; ++c) {
      const float g = gate(c);
      const bool behind = previous < 0 || g < limit || (g == limit && c > previous);
      if (c != own && behind && (best < 0 || g > most)) best = c, most = g;
    }
    return best;
  }
};

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
  set(query.own);

  const bool topk = rule.mode == SelectMode::topk;
  int most = query.chunks - 1;
  if (topk && rule.topk - 1 < most) most = rule.topk < 1 ? 0 : static_cast<int>(rule.topk) - 1;
  if (most == query.chunks - 1 && (topk || rule.threshold >= 1)) {
    for (int c = 0; c < query.chunks; ++c) set(c);
    return;
  }
  Shares shares;
  if (!topk) {
    for (int c = 0; c < query.chunks; ++c) shares.widen(query.gate(c));
    for (int c = 0; c < query.chunks; ++c) shares.add(query.gate(c), c == query.own);
  }
  const double remaining = topk ? 0 : shares.remaining(rule.threshold);
  double sum = 0;
  int chunk = -1;
  for (int i = 0; i < most; ++i) {
    chunk = query.next(chunk);
    set(chunk);
    sum += shares.norm(query.gate(chunk));
    if (!topk && shares.reached(sum, remaining)) break;
  }
}

}  // namespace

cudaError_t select_rows(const Chunks& chunks, const GateStore& gates, const Rule& rule, const ChoiceBits& bits,
                        cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(chunks.tokens, kThreads)), static_cast<unsigned>(gates.heads));
  return engine::sm80::launch(select_rows_kernel, grid, kThreads, 0, stream, chunks, gates, rule, bits);
}

}  // namespace vmoba::gpu
