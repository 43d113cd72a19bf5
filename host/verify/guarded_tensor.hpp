// A tensor between guard bands, so that reads and writes outside of it show.
#pragma once

#include "verify/case.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace fvattn::verify {

/// The memory around the elements, and in gaps between rows, holds bytes 0xFF: NaN in every floating type, so a read from
/// there spoils a result, and a write shows. Copies share the memory.
class GuardedTensor {
 public:
  static constexpr int64_t kGuardBytes = 4096;
  static constexpr int kNaN = 0xFF;

  GuardedTensor() = default;
  /// Elements are bytes `fill`. `layout` places dimensions 1 and 2 of a 4-D tensor; others are contiguous.
  GuardedTensor(at::IntArrayRef sizes, at::ScalarType dtype, at::Device device, Layout layout = Layout::contiguous,
                int fill = kNaN, int64_t alignment = 16);
  /// With the values of `from`, which it remembers.
  static GuardedTensor holding(const at::Tensor& from, Layout layout = Layout::contiguous);

  const at::Tensor& tensor() const { return tensor_; }
  bool defined() const { return tensor_.defined(); }
  /// True if every byte outside of the elements is as it was.
  bool guards_intact() const;
  /// For an input: true if the elements are those it was made with, bit by bit.
  bool unchanged() const;

 private:
  at::Tensor memory_, tensor_, origin_;
};

/// Equal bit by bit; NaNs too.
bool same_bits(const at::Tensor& a, const at::Tensor& b);

}  // namespace fvattn::verify
