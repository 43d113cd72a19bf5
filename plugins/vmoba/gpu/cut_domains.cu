#include "cut_domains.cuh"

#include "../selection/shares.hpp"
#include "domain_entries.cuh"
#include "gate_key.cuh"

#include <fvattn/engine/sm80/launch.cuh>

#include <cmath>

namespace vmoba::gpu {
namespace {

constexpr int kThreads = kDomainThreads, kWarps = kThreads / 32, kBins = 2048;
constexpr std::uint32_t kNothing = 0xFFFFFFFFu;
constexpr long long kAllTies = 0x7FFFFFFFFFFFFFFFll;
constexpr double kUnit = 4294967296.0;  // of the sums of shares

struct Bin {
  unsigned count;
  unsigned long long sum;
};

/// The best entries until so many are there, or until their shares reach what remains.
struct Goal {
  bool by_count;
  long long wanted;
  Shares shares;
  double remaining;

  __device__ unsigned long long weight(float gate) const {
    return by_count ? 0 : static_cast<unsigned long long>(shares.norm(gate) * kUnit + 0.5);
  }
  __device__ bool reached(long long count, unsigned long long sum) const {
    return by_count ? count >= wanted : shares.reached(static_cast<double>(sum) / kUnit, remaining);
  }
  /// How many of `count` entries with the same share are still needed.
  __device__ long long ties(long long before, unsigned long long sum_before, float gate, long long count) const {
    if (by_count) return wanted - before;
    const double share = static_cast<double>(weight(gate)) / kUnit, sum = static_cast<double>(sum_before) / kUnit;
    if (share <= 0) return 1;
    const double needed = ceil((remaining * shares.total() - sum) / share);
    long long ties = needed < 1 ? 1 : needed > static_cast<double>(count) ? count : static_cast<long long>(needed);
    while (ties > 1 && shares.reached(sum + static_cast<double>(ties - 1) * share, remaining)) --ties;
    while (ties < count && !shares.reached(sum + static_cast<double>(ties) * share, remaining)) ++ties;
    return ties;
  }
};

/// What thread 0 found in the bins of a digit.
struct Found {
  std::uint32_t prefix;
  int at;  // -1: no bin reaches the goal
  long long before;
  unsigned long long sum_before;
};

/// The shares that all threads saw and summed; for every thread.
__device__ Shares merged(const Shares& mine, int thread) {
  __shared__ double memory[kThreads * sizeof(Shares) / sizeof(double)];
  Shares* const all = reinterpret_cast<Shares*>(memory);
  __syncthreads();
  all[thread] = mine;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) all[thread].merge(all[thread + half]);
  }
  __syncthreads();
  return all[0];
}

/// One digit of the cut: `bits` bits of the keys from `shift` on, among the keys whose higher bits are found.prefix.
__device__ void find_digit(const DomainEntries& entries, const Goal& goal, int shift, int bits, Bin* bins, Found& found,
                           int thread) {
  const int count = 1 << bits, above = shift + bits;
  for (int i = thread; i < count; i += kThreads) bins[i] = {0, 0};
  __syncthreads();
  const std::uint32_t prefix = found.prefix;
  entries.each(thread, [&](float gate, bool own) {
    const std::uint32_t key = key_of(gate);
    if (own || static_cast<unsigned long long>(key) >> above != prefix) return;
    Bin& bin = bins[key >> shift & static_cast<std::uint32_t>(count - 1)];
    atomicAdd(&bin.count, 1u);
    if (!goal.by_count) atomicAdd(&bin.sum, goal.weight(gate));
  });
  __syncthreads();
  if (thread == 0) {
    int at = count - 1;
    for (; at >= 0; --at) {
      const Bin& bin = bins[at];
      if (bin.count == 0) continue;
      if (goal.reached(found.before + bin.count, found.sum_before + bin.sum)) break;
      found.before += bin.count;
      found.sum_before += bin.sum;
    }
    found.at = at;
    if (at >= 0) found.prefix = prefix << bits | static_cast<std::uint32_t>(at);
  }
  __syncthreads();
}

/// One past the index of the `ties`-th entry with that key.
__device__ void find_tie_end(const DomainEntries& entries, std::uint32_t key, long long ties, Cut* cut, int thread) {
  __shared__ int of_warp[kWarps];
  long long seen = 0;
  for (int c = entries.first_chunk; c < entries.end_chunk; ++c) {
    for (int h = entries.first_head; h < entries.end_head; ++h) {
      for (int first = entries.first_place; first < entries.end_place; first += kThreads) {
        const int place = first + thread;
        const long long at = entries.gates.index(c, h, place);
        const bool tie = place < entries.end_place && !entries.is_own(c, place) && key_of(entries.gates.data[at]) == key;
        const unsigned votes = __ballot_sync(0xffffffffu, tie);
        if (thread % 32 == 0) of_warp[thread / 32] = __popc(votes);
        __syncthreads();
        long long rank = seen + __popc(votes & ((1u << thread % 32) - 1));
        for (int w = 0; w < kWarps; ++w) {
          if (w < thread / 32) rank += of_warp[w];
          seen += of_warp[w];
        }
        if (tie && rank == ties - 1) cut->tie_end = at + 1;
        __syncthreads();
        if (seen >= ties) return;
      }
    }
  }
}

__device__ DomainEntries entries_of(const Chunks& chunks, const GateStore& gates, Domain domain, int sequence, int number) {
  const int first = chunks.sequence_chunks[sequence], end = chunks.sequence_chunks[sequence + 1];
  DomainEntries all{
      gates, chunks.map.starts + first, chunks.map.starts[first], chunks.map.starts[end], 0, end - first, 0, gates.heads};
  if (domain == Domain::block) all.first_chunk = number, all.end_chunk = engine::smaller(number + 1, end - first);
  if (domain == Domain::head_global) all.first_head = number, all.end_head = number + 1;
  return all;
}

// One block a domain.
__global__ void __launch_bounds__(kThreads) cut_domains_kernel(Chunks chunks, GateStore gates, Rule rule, Cut* cuts) {
  __shared__ Bin bins[kBins];
  __shared__ Found found;
  const int thread = static_cast<int>(threadIdx.x), number = static_cast<int>(blockIdx.x),
            sequence = static_cast<int>(blockIdx.y);
  const DomainEntries entries = entries_of(chunks, gates, rule.domain, sequence, number);
  Cut* const cut = cuts + sequence * static_cast<int>(gridDim.x) + number;
  const int of_sequence = chunks.sequence_chunks[sequence + 1] - chunks.sequence_chunks[sequence];
  Goal goal{rule.mode == SelectMode::topk, 0, {}, 0};
  if (goal.by_count) {
    // The own chunks take one place for each (head, query).
    const long long topk = rule.topk < 1 ? 1 : rule.topk > of_sequence ? of_sequence : rule.topk;
    goal.wanted = (topk - 1) * entries.pairs();
  }
  const bool nothing = goal.by_count && goal.wanted <= 0, everything = !goal.by_count && rule.threshold >= 1;
  if (thread == 0) {
    *cut = everything ? Cut{0, kAllTies} : Cut{kNothing, 0};
    found = {0, 0, 0, 0};
  }
  if (nothing || everything || entries.first_chunk >= entries.end_chunk) return;
  if (!goal.by_count) {
    Shares mine;
    entries.each(thread, [&](float gate, bool) { mine.widen(gate); });
    mine = merged(mine, thread);
    entries.each(thread, [&](float gate, bool own) { mine.add(gate, own); });
    goal.shares = merged(mine, thread);
    goal.remaining = goal.shares.remaining(rule.threshold);
  }
  for (const int shift : {21, 10, 0}) {
    const int bits = shift == 0 ? 10 : 11;
    find_digit(entries, goal, shift, bits, bins, found, thread);
    if (found.at < 0) {
      // Below the first digit this is the rounding of sums: all entries of the digit above are chosen.
      if (thread == 0) *cut = shift == 21 ? Cut{0, kAllTies} : Cut{found.prefix << (shift + bits), kAllTies};
      return;
    }
  }
  const unsigned count = bins[found.at].count;
  const long long ties = goal.ties(found.before, found.sum_before, gate_of(found.prefix), count);
  if (thread == 0) *cut = {found.prefix, ties >= count ? kAllTies : 0};
  __syncthreads();
  if (ties < count) find_tie_end(entries, found.prefix, ties, cut, thread);
}

}  // namespace

cudaError_t cut_domains(const Chunks& chunks, const GateStore& gates, const Rule& rule, Cut* cuts, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(domains_of_sequence(rule, chunks.of_sequence, gates.heads)),
                  static_cast<unsigned>(chunks.sequences));
  return engine::sm80::launch(cut_domains_kernel, grid, kThreads, 0, stream, chunks, gates, rule, cuts);
}

}  // namespace vmoba::gpu
