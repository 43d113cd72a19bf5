// The blocks that share a domain: what a pass is given, and how the last block to finish sees what all of them saw.
#pragma once

#include "domain_cut.cuh"
#include "domain_entries.cuh"

#include <cstring>
#include <type_traits>

namespace vmoba::gpu {

inline constexpr int kBins = 2048;

struct CutArguments {
  Chunks chunks;
  GateStore gates;
  Rule rule;
  int first, domains;  // the first domain of this launch; domains of a sequence
  Cut* cuts;
  DomainCut* states;
  Bin* bins;     // [domains of the launch, kBins]
  Shares* seen;  // [domains of the launch, parts]; as ints the ties that each block saw
  int* blocks_done;

  __device__ DomainEntries entries(int domain) const {
    return DomainEntries::of(chunks, gates, rule.domain, (first + domain) / domains, (first + domain) % domains);
  }
};

/// What other blocks wrote in this launch.
template <class T>
__device__ T fresh(const T* at) {
  static_assert(sizeof(T) % 4 == 0 && std::is_trivially_copyable_v<T>);
  const auto* const there = reinterpret_cast<const volatile std::uint32_t*>(at);
  std::uint32_t words[sizeof(T) / 4];
  for (int i = 0; i < static_cast<int>(sizeof(T) / 4); ++i) words[i] = there[i];
  T copy;
  memcpy(static_cast<void*>(&copy), words, sizeof(T));
  return copy;
}

/// For every thread: whether its block is the last of the domain's to come here. Then it sees what the others wrote.
__device__ inline bool last_block(int* blocks_done, int thread) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (thread == 0) {
    last = atomicAdd(blocks_done, 1) + 1 == static_cast<int>(gridDim.x);
    if (last) *blocks_done = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

/// The shares that all threads saw and summed; for every thread.
__device__ inline Shares merged(const Shares& mine, int thread) {
  __shared__ double memory[kDomainThreads * sizeof(Shares) / sizeof(double)];
  Shares* const all = reinterpret_cast<Shares*>(memory);
  __syncthreads();
  all[thread] = mine;
  for (int half = kDomainThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) all[thread].merge(all[thread + half]);
  }
  __syncthreads();
  return all[0];
}

/// Merged over the blocks too, in an order that never changes; true in the last block, where `shares` is the result.
__device__ inline bool merged_over_blocks(const CutArguments& a, int domain, Shares& shares, int thread) {
  const int parts = static_cast<int>(gridDim.x), part = static_cast<int>(blockIdx.x);
  Shares* const seen = a.seen + static_cast<long long>(domain) * parts;
  const Shares mine = merged(shares, thread);
  if (thread == 0) seen[part] = mine;
  if (!last_block(a.blocks_done + domain, thread)) return false;
  Shares all;
  for (int i = thread; i < parts; i += kDomainThreads) all.merge(fresh(seen + i));
  shares = merged(all, thread);
  return true;
}

}  // namespace vmoba::gpu
