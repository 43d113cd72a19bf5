// The entries of one domain, walked by the blocks that share it.
#pragma once

#include "../selection/rule.hpp"
#include "chunks.hpp"
#include "gates.cuh"

namespace vmoba::gpu {

inline constexpr int kDomainThreads = 256;
inline constexpr int kLinePlaces = 4096;  // places of a chunk and head that a block walks in one go

/// Chunks [first_chunk, end_chunk) of a sequence, counted in it, heads [first_head, end_head), all queries of the sequence.
/// A query's own chunk is no entry of the "others".
struct DomainEntries {
  GateStore gates;
  const int* starts;  // of the sequence's chunks
  int first_place, end_place;
  int first_chunk, end_chunk, first_head, end_head;

  __device__ static DomainEntries of(const Chunks& chunks, const GateStore& gates, Domain domain, int sequence, int number) {
    const int first = chunks.sequence_chunks[sequence], end = chunks.sequence_chunks[sequence + 1];
    DomainEntries all{
        gates, chunks.map.starts + first, chunks.map.starts[first], chunks.map.starts[end], 0, end - first, 0, gates.heads};
    if (domain == Domain::block) all.first_chunk = number, all.end_chunk = engine::smaller(number + 1, end - first);
    if (domain == Domain::head_global) all.first_head = number, all.end_head = number + 1;
    return all;
  }

  __device__ bool empty() const { return first_chunk >= end_chunk || first_place >= end_place; }
  __device__ long long pairs() const { return static_cast<long long>(end_head - first_head) * (end_place - first_place); }
  __device__ int lines() const { return engine::ceil_div(end_place - first_place, kLinePlaces); }

  /// body(line's chunk, head, first place, end place) for the lines of block `part` of `parts`, in the order of the index.
  template <class Body>
  __device__ void each_line(int part, int parts, Body&& body) const {
    const int of_head = lines(), heads = end_head - first_head;
    const long long all = static_cast<long long>(end_chunk - first_chunk) * heads * of_head;
    const long long end = all * (part + 1) / parts;
    for (long long i = all * part / parts; i < end; ++i) {
      const int row = static_cast<int>(i / of_head), first = first_place + static_cast<int>(i % of_head) * kLinePlaces;
      body(first_chunk + row / heads, first_head + row % heads, first, engine::smaller(end_place, first + kLinePlaces));
    }
  }
  /// body(gate, is own) for the share of a thread, in an order of its own that never changes.
  template <class Body>
  __device__ void each(int part, int parts, int thread, Body&& body) const {
    each_line(part, parts, [&](int c, int h, int first, int end) {
      const float* const line = gates.data + gates.index(c, h, 0);
      const int own = starts[c], own_end = starts[c + 1];
#pragma unroll 4
      for (int place = first + thread; place < end; place += kDomainThreads)
        body(line[place], place >= own && place < own_end);
    });
  }
};

}  // namespace vmoba::gpu
