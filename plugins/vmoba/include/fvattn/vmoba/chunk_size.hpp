// How large a chunk is: frames of the whole picture, or a box of the token grid.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace fvattn::vmoba {

/// Tokens [T, H, W] of a video, raster order: t-major, then h, then w.
using Grid = std::array<std::int64_t, 3>;

namespace detail {
inline std::string text_of(std::initializer_list<std::int64_t> values) {
  std::string text;
  for (const std::int64_t value : values) text += (text.empty() ? "[" : ", ") + std::to_string(value);
  return text + "]";
}
}  // namespace detail

class ChunkSize {
 public:
  /// 1-D: `frames` frames, a fraction too: int(frames * H * W) tokens.
  explicit ChunkSize(double frames) : frames_(frames) {
    if (!(frames > 0) || !std::isfinite(frames))
      throw std::invalid_argument("a chunk of " + std::to_string(frames) + " frames; a number above 0 is accepted");
  }
  /// 2-D [h, w] over all frames, or 3-D [t, h, w]. Throws std::invalid_argument for other lengths.
  explicit ChunkSize(const std::vector<std::int64_t>& box) : dimensions_(static_cast<int>(box.size())) {
    if (box.size() != 2 && box.size() != 3)
      throw std::invalid_argument("a chunk size of " + std::to_string(box.size()) +
                                  " values; a number (1-D, frames), [h, w] (2-D) and [t, h, w] (3-D) are accepted");
    for (const std::int64_t extent : box)
      if (extent < 1)
        throw std::invalid_argument("a chunk size with an extent of " + std::to_string(extent) + "; 1 or more is accepted");
    for (std::size_t i = 0; i < box.size(); ++i) box_[3 - box.size() + i] = box[i];
  }

  int dimensions() const { return dimensions_; }
  /// The box of a 2-D or 3-D chunk on that grid. Throws std::invalid_argument where the grid is not whole boxes.
  Grid box(const Grid& grid) const {
    if (dimensions_ == 2 && (grid[1] % box_[1] != 0 || grid[2] % box_[2] != 0))
      throw std::invalid_argument("spatial patch_resolution " + detail::text_of({grid[1], grid[2]}) +
                                  " should be divisible by 2d chunk_size " + detail::text_of({box_[1], box_[2]}));
    if (dimensions_ == 3 && (grid[0] % box_[0] != 0 || grid[1] % box_[1] != 0 || grid[2] % box_[2] != 0))
      throw std::invalid_argument("patch_resolution " + detail::text_of({grid[0], grid[1], grid[2]}) +
                                  " should be divisible by 3d chunk_size " + detail::text_of({box_[0], box_[1], box_[2]}));
    return {dimensions_ == 2 ? grid[0] : box_[0], box_[1], box_[2]};
  }
  /// Tokens of a chunk; the last one of a 1-D layer may be shorter.
  std::int64_t tokens(const Grid& grid) const {
    if (dimensions_ != 1) {
      const Grid sides = box(grid);
      return sides[0] * sides[1] * sides[2];
    }
    const double tokens = frames_ * static_cast<double>(grid[1] * grid[2]);
    if (tokens < 1)
      throw std::invalid_argument("a chunk of " + std::to_string(frames_) + " frames of " + std::to_string(grid[1]) + " x " +
                                  std::to_string(grid[2]) + " tokens has no token; make it larger");
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    return tokens < static_cast<double>(most) ? static_cast<std::int64_t>(tokens) : most;
  }

 private:
  int dimensions_ = 1;
  double frames_ = 0;
  Grid box_{0, 0, 0};
};

}  // namespace fvattn::vmoba
