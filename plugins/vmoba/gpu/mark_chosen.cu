#include "cut_domains.cuh"
#include "gate_key.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = 128;

// A thread a query.
__global__ void __launch_bounds__(kThreads)
    mark_chosen_kernel(Chunks chunks, GateStore gates, Domain domain, int domains, const Cut* cuts, ChoiceBits bits) {
  const int place = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x),
            head = static_cast<int>(blockIdx.y);
  if (place >= chunks.tokens) return;
  const int own = chunks.chunk_of(place), sequence = chunks.sequence_of[own];
  const int first = chunks.sequence_chunks[sequence], end = chunks.sequence_chunks[sequence + 1];
  std::uint32_t* const words = bits.row(head, chunks.map.places.row_of(place));
  for (int w = 0; w < bits.words; ++w) words[w] = 0;
  for (int c = first; c < end; ++c) {
    const Cut cut = cuts[sequence * domains + (domain == Domain::block         ? c - first
                                               : domain == Domain::head_global ? head
                                                                               : 0)];
    const long long at = gates.index(c - first, head, place);
    const std::uint32_t key = key_of(gates.data[at]);
    const bool chosen = c == own || key > cut.key || (key == cut.key && at < cut.tie_end);
    if (chosen) words[c / 32] |= std::uint32_t{1} << (c % 32);
  }
}

}  // namespace

cudaError_t mark_chosen(const Chunks& chunks, const GateStore& gates, const Rule& rule, const Cut* cuts,
                        const ChoiceBits& bits, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(chunks.tokens, kThreads)), static_cast<unsigned>(gates.heads));
  const int domains = domains_of_sequence(rule, chunks.of_sequence, gates.heads);
  return engine::sm80::launch(mark_chosen_kernel, grid, kThreads, 0, stream, chunks, gates, rule.domain, domains, cuts,
                              bits);
}

}  // namespace vmoba::gpu
