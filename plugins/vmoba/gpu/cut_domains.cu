#include "cut_domains.cuh"

#include "pick_digit.cuh"

#include <fvattn/engine/sm80/launch.cuh>

#include <algorithm>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = kDomainThreads, kWarps = kThreads / 32;
constexpr int kTogether = 512;  // domains whose bins lie in memory at once
constexpr int kBlocks = 1024;   // of a pass, about: several on each SM
constexpr int kLeastOfBlock = 2048;  // entries

// A thread a domain.
__global__ void __launch_bounds__(kThreads) start_kernel(CutArguments a, int count) {
  const int domain = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (domain >= count) return;
  const DomainEntries entries = a.entries(domain);
  const int sequence = (a.first + domain) / a.domains;
  const int of_sequence = a.chunks.sequence_chunks[sequence + 1] - a.chunks.sequence_chunks[sequence];
  DomainCut state{};
  state.goal.by_count = a.rule.mode == SelectMode::topk;
  if (state.goal.by_count) {
    // The own chunks take one place for each (head, query).
    const long long topk = a.rule.topk < 1 ? 1 : a.rule.topk > of_sequence ? of_sequence : a.rule.topk;
    state.goal.wanted = (topk - 1) * entries.pairs();
  }
  const bool everything = !state.goal.by_count && a.rule.threshold >= 1;
  state.done = everything || entries.empty() || (state.goal.by_count && state.goal.wanted <= 0);
  a.cuts[a.first + domain] = everything ? kEverything : kNothing;
  a.states[domain] = state;
  a.blocks_done[domain] = 0;
}

// The least and the largest gate of each domain.
__global__ void __launch_bounds__(kThreads) widen_kernel(CutArguments a) {
  const int thread = static_cast<int>(threadIdx.x), domain = static_cast<int>(blockIdx.y);
  if (a.states[domain].done) return;
  Shares shares;
  a.entries(domain).each(static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x), thread,
                         [&](float gate, bool) { shares.widen(gate); });
  if (merged_over_blocks(a, domain, shares, thread) && thread == 0) a.states[domain].goal.shares = shares;
}

// The sum of all shares, and what the others must reach.
__global__ void __launch_bounds__(kThreads) sum_kernel(CutArguments a) {
  const int thread = static_cast<int>(threadIdx.x), domain = static_cast<int>(blockIdx.y);
  DomainCut& state = a.states[domain];
  if (state.done) return;
  Shares shares = state.goal.shares;
  a.entries(domain).each(static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x), thread,
                         [&](float gate, bool own) { shares.add(gate, own); });
  if (!merged_over_blocks(a, domain, shares, thread) || thread != 0) return;
  state.goal.shares = shares;
  state.goal.remaining = shares.remaining(a.rule.threshold);
}

// One digit of the cut: `bits` bits of the keys from `shift` on, among the keys whose higher bits are the prefix.
__global__ void __launch_bounds__(kThreads) digit_kernel(CutArguments a, int shift, int bits) {
  __shared__ Bin bins[kBins];
  const int thread = static_cast<int>(threadIdx.x), domain = static_cast<int>(blockIdx.y), above = shift + bits;
  const DomainCut& state = a.states[domain];
  if (state.done) return;
  for (int i = thread; i < kBins; i += kThreads) bins[i] = {0, 0};
  __syncthreads();
  const std::uint32_t prefix = state.prefix, mask = (1u << bits) - 1;
  const Goal goal = state.goal;
  a.entries(domain).each(
      static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x), thread, [&](float gate, bool own) {
        const std::uint32_t key = key_of(gate);
        if (own || static_cast<unsigned long long>(key) >> above != prefix) return;
        Bin& bin = bins[key >> shift & mask];
        atomicAdd(&bin.count, 1u);
        if (!goal.by_count) atomicAdd(&bin.sum, goal.weight(gate));
      });
  __syncthreads();
  Bin* const all = a.bins + static_cast<long long>(domain) * kBins;
  for (int i = thread; i < kBins; i += kThreads) {
    if (bins[i].count == 0) continue;
    atomicAdd(&all[i].count, bins[i].count);
    if (!goal.by_count) atomicAdd(&all[i].sum, bins[i].sum);
  }
  if (last_block(a.blocks_done + domain, thread)) pick_digit(a, domain, shift, bits, thread);
}

/// body(index, rank among the block's ties) for each tie of block `part`, by the thread that has it. For a whole block,
/// which gets their number.
template <class Body>
__device__ int each_tie(const DomainEntries& entries, std::uint32_t key, int part, int thread, Body&& body) {
  __shared__ int of_warp[kWarps];
  int seen = 0;
  entries.each_line(part, static_cast<int>(gridDim.x), [&](int c, int h, int first, int end) {
    for (int at = first; at < end; at += kThreads) {
      const int place = at + thread;
      const long long index = entries.gates.index(c, h, place);
      const bool own = place >= entries.starts[c] && place < entries.starts[c + 1];
      const bool tie = place < end && !own && key_of(entries.gates.data[index]) == key;
      const unsigned votes = __ballot_sync(0xffffffffu, tie);
      if (thread % 32 == 0) of_warp[thread / 32] = __popc(votes);
      __syncthreads();
      int rank = seen + __popc(votes & ((1u << thread % 32) - 1));
      for (int w = 0; w < kWarps; ++w) {
        if (w < thread / 32) rank += of_warp[w];
        seen += of_warp[w];
      }
      if (tie) body(index, rank);
      __syncthreads();
    }
  });
  return seen;
}

// Where the ties end, if not all of them are chosen: each block counts its own, the last one finds the place.
__global__ void __launch_bounds__(kThreads) ties_kernel(CutArguments a) {
  __shared__ int part_of_end, rank_of_end;
  const int thread = static_cast<int>(threadIdx.x), domain = static_cast<int>(blockIdx.y),
            parts = static_cast<int>(gridDim.x);
  const DomainCut& state = a.states[domain];
  if (state.done) return;
  const DomainEntries entries = a.entries(domain);
  int* const seen = reinterpret_cast<int*>(a.seen) + static_cast<long long>(domain) * parts;
  const int own = each_tie(entries, state.prefix, static_cast<int>(blockIdx.x), thread, [](long long, int) {});
  if (thread == 0) seen[blockIdx.x] = own;
  if (!last_block(a.blocks_done + domain, thread)) return;
  if (thread == 0) {
    long long left = state.ties - 1;
    int part = 0;
    for (int here = fresh(seen); left >= here; here = fresh(seen + part)) left -= here, ++part;
    part_of_end = part, rank_of_end = static_cast<int>(left);
  }
  __syncthreads();
  each_tie(entries, state.prefix, part_of_end, thread, [&](long long index, int rank) {
    if (rank == rank_of_end) a.cuts[a.first + domain].tie_end = index + 1;
  });
}

}  // namespace

DomainCuts::DomainCuts(int sequences, int domains_of_sequence, int64_t entries, fvattn::plugin::Workspace& workspace)
    : count_(sequences * domains_of_sequence), together_(std::min(count_, kTogether)) {
  const int64_t useful = (entries + kLeastOfBlock - 1) / kLeastOfBlock, fitting = kBlocks / std::max(1, together_);
  parts_ = static_cast<int>(std::clamp<int64_t>(std::min(useful, fitting), 1, kBlocks));
  cuts_ = workspace.take<Cut>(count_);
  states_ = workspace.take<DomainCut>(together_);
  bins_ = workspace.take<Bin>(int64_t{together_} * kBins);
  seen_ = workspace.take<double>(int64_t{together_} * parts_ * static_cast<int64_t>(sizeof(Shares) / sizeof(double)));
  blocks_done_ = workspace.take<int>(together_);
}

cudaError_t DomainCuts::find(const Chunks& chunks, const GateStore& gates, const Rule& rule, cudaStream_t stream) const {
  using engine::sm80::launch;
  const int of_sequence = domains_of_sequence(rule, chunks.of_sequence, gates.heads);
  for (int first = 0; first < count_; first += kTogether) {
    const int count = std::min(kTogether, count_ - first);
    const CutArguments a{chunks, gates,   rule,  first, of_sequence, cuts_,
                         states_, bins_, reinterpret_cast<Shares*>(seen_), blocks_done_};
    const dim3 grid(static_cast<unsigned>(parts_), static_cast<unsigned>(count));
    const dim3 domains(static_cast<unsigned>(engine::ceil_div(count, kThreads)));
    cudaError_t error = cudaMemsetAsync(bins_, 0, static_cast<std::size_t>(count) * kBins * sizeof(Bin), stream);
    if (error == cudaSuccess) error = launch(start_kernel, domains, kThreads, 0, stream, a, count);
    if (rule.mode == SelectMode::threshold) {
      if (error == cudaSuccess) error = launch(widen_kernel, grid, kThreads, 0, stream, a);
      if (error == cudaSuccess) error = launch(sum_kernel, grid, kThreads, 0, stream, a);
    }
    for (const int shift : {21, 10, 0})
      if (error == cudaSuccess) error = launch(digit_kernel, grid, kThreads, 0, stream, a, shift, shift == 0 ? 10 : 11);
    if (error == cudaSuccess) error = launch(ties_kernel, grid, kThreads, 0, stream, a);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace vmoba::gpu
