// The entries of one domain, walked by one block.
#pragma once

#include "chunks.hpp"
#include "gates.cuh"

namespace vmoba::gpu {

inline constexpr int kDomainThreads = 256;

/// Chunks [first_chunk, end_chunk) of a sequence, counted in it, heads [first_head, end_head), all queries of the sequence.
/// A query's own chunk is no entry of the "others".
struct DomainEntries {
  GateStore gates;
  const int* starts;  // of the sequence's chunks
  int first_place, end_place;
  int first_chunk, end_chunk, first_head, end_head;

  __device__ bool is_own(int chunk, int place) const { return place >= starts[chunk] && place < starts[chunk + 1]; }
  __device__ long long pairs() const { return static_cast<long long>(end_head - first_head) * (end_place - first_place); }

  /// body(gate, is own) for the share of a thread, in an order of its own that never changes.
  template <class Body>
  __device__ void each(int thread, Body&& body) const {
    for (int c = first_chunk; c < end_chunk; ++c)
      for (int h = first_head; h < end_head; ++h)
        for (int place = first_place + thread; place < end_place; place += kDomainThreads)
          body(gates.data[gates.index(c, h, place)], is_own(c, place));
  }
};

}  // namespace vmoba::gpu
