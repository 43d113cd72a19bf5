// One batch entry of a [batch, rows, heads, dim] tensor of 16-bit elements, as the selection kernels read it.
#pragma once

#include <fvattn/engine/sm80/tensor.hpp>
#include <fvattn/plugin/tensor.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace vmoba::gpu {

/// Strides in elements, unit stride in dim.
template <class Element>
struct EntryRows {
  const Element* data;
  long long row_stride, head_stride;
  int dim;

  EntryRows(const fvattn_tensor& t, int64_t batch)
      : data(fvattn::plugin::data<const Element>(t) + batch * t.strides[0]),
        row_stride(t.strides[1]),
        head_stride(t.strides[2]),
        dim(static_cast<int>(t.shape[3])) {}

  EntryRows(const fvattn::engine::sm80::ConstTensor& t, int dim, int64_t batch)
      : data(static_cast<const Element*>(t.data) + batch * t.batch_stride),
        row_stride(t.row_stride),
        head_stride(t.head_stride),
        dim(dim) {}

  __device__ const Element* row(int row, int head) const { return data + row * row_stride + head * head_stride; }
};

}  // namespace vmoba::gpu
