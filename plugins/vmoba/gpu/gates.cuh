// The gate of a (chunk, head, query): mean of the chunk's keys dot query, without scale and softmax.
#pragma once

#include "chunks.hpp"
#include "rows.cuh"

#include <cuda_runtime_api.h>

namespace vmoba::gpu {

/// The gates of a batch entry: gates[(c * heads + head) * tokens + place], chunk c counted in the place's sequence. The
/// order of ties is that of the index.
struct GateStore {
  float* data = nullptr;
  int heads = 0, tokens = 0;

  FVATTN_BOTH long long index(int chunk, int head, int place) const {
    return (static_cast<long long>(chunk) * heads + head) * tokens + place;
  }
};

/// Products are accumulated in double and rounded once to float32: the CPU's numbers. A gate that is no number is -inf.
template <class Element>
cudaError_t compute_gates(const Chunks& chunks, const EntryRows<Element>& q, int group, const double* means,
                          const GateStore& gates, cudaStream_t stream);

}  // namespace vmoba::gpu
