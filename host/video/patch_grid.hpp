// Cuts a window of frames into patches and puts patches back together.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace fvattn::video {

inline constexpr int64_t kPatch = 8;  // pixels; the measured best of 4, 6, 8 and 12 on real clips

/// By how much a grid of patches is moved up and to the left.
struct PatchShift {
  int64_t y = 0, x = 0;
};

/// `count` shifts spread evenly over a patch; count is 1, 4, 16 or 64.
std::vector<PatchShift> patch_shifts(int64_t count);

/// The grid is one patch larger than the frame needs, so that all shifts have the same number of tokens and every pixel
/// lies in exactly one patch of each. Outside the frame pixels are mirrored.
class PatchGrid {
 public:
  PatchGrid(int64_t frames, int64_t height, int64_t width);

  int64_t frames() const { return frames_; }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t tokens() const { return frames_ * rows_ * columns_; }

  /// [frames, height, width, C] to [tokens, C, kPatch, kPatch], tokens in raster order (frame, row, column).
  at::Tensor cut(const at::Tensor& window, PatchShift shift) const;
  /// The inverse of cut(): what lies outside the frame is dropped.
  at::Tensor join(const at::Tensor& patches, PatchShift shift) const;

 private:
  int64_t frames_, height_, width_, rows_, columns_;
};

}  // namespace fvattn::video
