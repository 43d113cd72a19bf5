// From the bins of a digit to the digit.
#pragma once

#include "domain_blocks.cuh"
#include "gate_key.cuh"

namespace vmoba::gpu {

/// Which bin holds the last chosen entry: `state` gets the digit. For the last block.
__device__ inline void pick_digit(const CutArguments& a, int domain, int shift, int bits, int thread) {
  constexpr int kBinsOfThread = kBins / kDomainThreads;
  __shared__ unsigned long long sums[kDomainThreads];
  __shared__ long long counts[kDomainThreads];
  __shared__ int at;
  DomainCut& state = a.states[domain];
  Bin* const bins = a.bins + static_cast<long long>(domain) * kBins;
  Bin mine[kBinsOfThread];
  unsigned long long sum = 0;
  long long count = 0;
  for (int i = 0; i < kBinsOfThread; ++i) {
    mine[i] = fresh(bins + thread * kBinsOfThread + i);
    bins[thread * kBinsOfThread + i] = {0, 0};  // for the next digit
    sum += mine[i].sum, count += mine[i].count;
  }
  sums[thread] = sum, counts[thread] = count;
  if (thread == 0) at = -1;
  // From a thread's bins on up.
  for (int by = 1; by < kDomainThreads; by *= 2) {
    __syncthreads();
    const unsigned long long other_sum = thread + by < kDomainThreads ? sums[thread + by] : 0;
    const long long other_count = thread + by < kDomainThreads ? counts[thread + by] : 0;
    __syncthreads();
    sums[thread] += other_sum, counts[thread] += other_count;
  }
  const long long before = state.before + counts[thread] - count;
  const unsigned long long sum_before = state.sum_before + sums[thread] - sum;
  const Goal goal = state.goal;
  // Both sums grow from bin to bin, so that the first one that reaches the goal from above is the highest that does.
  int own = -1;
  long long own_before = before;
  unsigned long long own_sum_before = sum_before;
  for (int i = kBinsOfThread - 1; i >= 0 && own < 0; --i) {
    if (mine[i].count == 0) continue;
    if (goal.reached(own_before + mine[i].count, own_sum_before + mine[i].sum)) own = i;
    else own_before += mine[i].count, own_sum_before += mine[i].sum;
  }
  if (own >= 0) atomicMax(&at, thread * kBinsOfThread + own);
  __syncthreads();
  const std::uint32_t prefix = state.prefix;
  __syncthreads();
  if (at < 0) {
    // Below the first digit this is the rounding of sums: all entries of the digit above are chosen.
    if (thread != 0) return;
    a.cuts[a.first + domain] = shift + bits == 32 ? kEverything : Cut{prefix << (shift + bits), kAllTies};
    state.done = true;
    return;
  }
  if (thread != at / kBinsOfThread) return;
  state.prefix = prefix << bits | static_cast<std::uint32_t>(at);
  state.before = own_before, state.sum_before = own_sum_before;
  if (shift > 0) return;
  const long long same = mine[own].count, ties = goal.ties(own_before, own_sum_before, gate_of(state.prefix), same);
  state.ties = ties;
  state.done = ties >= same;
  a.cuts[a.first + domain] = {state.prefix, state.done ? kAllTies : 0};
}

}  // namespace vmoba::gpu
