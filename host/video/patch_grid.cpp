#include "video/patch_grid.hpp"

#include <ATen/ATen.h>

namespace fvattn::video {
namespace {

// Pixel numbers of one axis: 0 1 2 .. n-1, mirrored with the edge repeated on both sides.
at::Tensor mirrored(int64_t from, int64_t count, int64_t size) {
  const at::Tensor wrapped = at::arange(from, from + count, at::kLong).remainder(2 * size);
  return at::minimum(wrapped, 2 * size - 1 - wrapped);
}

}  // namespace

std::vector<PatchShift> patch_shifts(int64_t count) {
  int64_t side = 1;
  while (side * side < count) side *= 2;
  std::vector<PatchShift> shifts;
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x) shifts.push_back({y * kPatch / side, x * kPatch / side});
  return shifts;
}

PatchGrid::PatchGrid(int64_t frames, int64_t height, int64_t width)
    : frames_(frames),
      height_(height),
      width_(width),
      rows_((height + 2 * kPatch - 2) / kPatch),
      columns_((width + 2 * kPatch - 2) / kPatch) {}

at::Tensor PatchGrid::cut(const at::Tensor& window, PatchShift shift) const {
  const int64_t channels = window.size(3);
  const at::Tensor y = mirrored(-shift.y, rows_ * kPatch, height_).to(window.device());
  const at::Tensor x = mirrored(-shift.x, columns_ * kPatch, width_).to(window.device());
  return window.index_select(1, y)
      .index_select(2, x)
      .view({frames_, rows_, kPatch, columns_, kPatch, channels})
      .permute({0, 1, 3, 5, 2, 4})
      .reshape({tokens(), channels, kPatch, kPatch});
}

at::Tensor PatchGrid::join(const at::Tensor& patches, PatchShift shift) const {
  const int64_t channels = patches.size(1);
  return patches.reshape({frames_, rows_, columns_, channels, kPatch, kPatch})
      .permute({0, 1, 4, 2, 5, 3})
      .reshape({frames_, rows_ * kPatch, columns_ * kPatch, channels})
      .narrow(1, shift.y, height_)
      .narrow(2, shift.x, width_);
}

}  // namespace fvattn::video
