#include "verify/guarded_tensor.hpp"

#include <ATen/ATen.h>

namespace fvattn::verify {
namespace {

constexpr int64_t kGapElements = 8;

struct Placement {
  std::vector<int64_t> strides;
  int64_t elements = 0;  // that the tensor spans
};

Placement place(at::IntArrayRef sizes, Layout layout) {
  Placement placed;
  placed.strides.resize(sizes.size());
  std::vector<size_t> order;  // outermost first
  for (size_t i = 0; i < sizes.size(); ++i) order.push_back(i);
  const bool qkv = sizes.size() == 4;
  if (qkv && layout == Layout::heads_first) std::swap(order[1], order[2]);
  int64_t step = 1;
  for (size_t i = order.size(); i-- > 0;) {
    placed.strides[order[i]] = step;
    step *= sizes[order[i]];
    // Rows begin at multiples of 16 bytes, as the heads of a real projection do, but not at larger ones.
    if (qkv && layout == Layout::gaps) step = (step + 2 * kGapElements - 1) / kGapElements * kGapElements;
  }
  placed.elements = step;
  return placed;
}

at::Tensor bytes_of(const at::Tensor& contiguous) { return contiguous.reshape({-1}).view(at::kByte); }

}  // namespace

GuardedTensor::GuardedTensor(at::IntArrayRef sizes, at::ScalarType dtype, at::Device device, Layout layout, int fill,
                             int64_t alignment) {
  const Placement placed = place(sizes, layout);
  const int64_t width = static_cast<int64_t>(c10::elementSize(dtype)), bytes = placed.elements * width;
  const at::TensorOptions options = at::TensorOptions(at::kByte).device(device);
  memory_ = at::full({bytes + 2 * kGuardBytes + 2 * alignment + 16}, kNaN, options);
  const auto address = reinterpret_cast<uintptr_t>(memory_.data_ptr()) + kGuardBytes;
  const auto step = static_cast<uintptr_t>(alignment);
  int64_t offset = kGuardBytes + static_cast<int64_t>((address + step - 1) / step * step - address);
  if (layout == Layout::gaps && alignment <= 16)
    offset += 16 - static_cast<int64_t>((address + step - 1) / step * step % 32);
  tensor_ = memory_.narrow(0, offset, (bytes + width - 1) / width * width).view(dtype).as_strided(sizes, placed.strides);
  if (fill != kNaN) tensor_.copy_(at::full({tensor_.numel() * width}, fill, options).view(dtype).view(sizes));
}

GuardedTensor GuardedTensor::holding(const at::Tensor& from, Layout layout) {
  GuardedTensor made(from.sizes(), from.scalar_type(), from.device(), layout);
  made.tensor_.copy_(from);
  made.origin_ = from.contiguous();
  return made;
}

bool GuardedTensor::guards_intact() const {
  // The same memory with everything marked that is not an element.
  at::Tensor outside = at::full_like(memory_, 1);
  const int64_t width = static_cast<int64_t>(c10::elementSize(tensor_.scalar_type()));
  const int64_t begin =
      static_cast<const char*>(tensor_.const_data_ptr()) - static_cast<const char*>(memory_.const_data_ptr());
  std::vector<int64_t> sizes = tensor_.sizes().vec(), strides = tensor_.strides().vec();
  for (int64_t& stride : strides) stride *= width;
  sizes.push_back(width);
  strides.push_back(1);
  outside.as_strided(sizes, strides, begin).zero_();
  return !memory_.ne(kNaN).logical_and_(outside).any().item<bool>();
}

bool GuardedTensor::unchanged() const { return same_bits(tensor_, origin_); }

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         at::equal(bytes_of(a.contiguous()), bytes_of(b.contiguous()));
}

}  // namespace fvattn::verify
