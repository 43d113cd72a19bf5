// From the partial results of gathered rows to the rows themselves, pass by pass.
#pragma once

#include <cuda_runtime_api.h>
#include <fvattn/engine/sm80/tensor.hpp>

namespace vmoba::gpu {

/// Partial results of one pass over one batch entry: data [rows, heads, dim] of 16-bit elements, lse [heads, rows] (null for
/// gradients). slots and form: which of them belong to a row, as GatherLists says, in slots [first_slot, first_slot + rows).
struct Partials {
  const void* data;
  const float* lse;
  const int *slots, *form;
  int rows, first_slot, width, heads, dim, tokens;
};

/// What earlier passes gave and later ones get, in float32: values [tokens, heads, dim], lse [heads, tokens]. Not looked at
/// where one pass is all.
struct Running {
  float* values;
  const float* earlier_lse;
  float* later_lse;
  bool first, last;  // pass
};

/// After the last pass o is the softmax-weighted mean of a row's parts, by their lse, and lse (null: not wanted) that of all
/// of them; a row without parts gives 0 and -inf. `o` and `lse` are those of the batch entry. Heads without lists are left
/// alone.
template <class Element>
cudaError_t combine_outputs(const Partials& parts, const Running& running, const fvattn::engine::sm80::MutableTensor& o,
                            float* lse, cudaStream_t stream);

/// After the last pass d_q is the sum of a row's parts.
template <class Element>
cudaError_t sum_gradients(const Partials& parts, const Running& running, const fvattn::engine::sm80::MutableTensor& d_q,
                          cudaStream_t stream);

}  // namespace vmoba::gpu
