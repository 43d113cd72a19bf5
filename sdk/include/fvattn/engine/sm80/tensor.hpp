// Strided 16-bit tensors as the kernels see them.
#pragma once

#include <cstdint>

namespace fvattn::engine::sm80 {

/// [batch, rows, heads, channels] with unit stride in the channels; strides in elements. `data` and every stride are
/// multiples of 16 bytes (8 elements), since the kernels copy 16 bytes at a time; the row stride is below 2^30 elements.
/// Packed sequences (varlen) have a batch stride of 0: the policy's maps then give rows of the whole pack.
template <class Pointer>
struct StridedTensor {
  Pointer data = nullptr;
  std::int64_t batch_stride = 0;
  std::int64_t row_stride = 0;
  std::int64_t head_stride = 0;

  bool usable() const {
    constexpr std::int64_t kMaxRowStride = std::int64_t{1} << 30;
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && batch_stride % 8 == 0 && row_stride % 8 == 0 &&
           head_stride % 8 == 0 && row_stride < kMaxRowStride && row_stride > -kMaxRowStride;
  }
};

using ConstTensor = StridedTensor<const void*>;
using MutableTensor = StridedTensor<void*>;

/// Float32 values per (batch, head, row), rows adjacent: LSE and delta.
template <class Pointer>
struct RowValues {
  Pointer data = nullptr;
  std::int64_t batch_stride = 0;
  std::int64_t head_stride = 0;
};

}  // namespace fvattn::engine::sm80
