// Reads a clip window by window, so that memory does not grow with its length.
#pragma once

#include "video/clip.hpp"
#include "video/gaussian_noise.hpp"

#include <optional>
#include <vector>

namespace fvattn::video {

struct FrameWindow {
  std::vector<Frame> clean, noisy;  // `clean` is empty if no noise is added
  size_t fresh = 0;                 // the first frame that no window had before
  int64_t first = 0;                // number of frame 0 in the clip
};

/// The last window reaches back to be as long as the others, so that its frames find as many patches.
class FrameWindows {
 public:
  /// `noise` may be nullptr. Both must outlive this.
  FrameWindows(Clip& clip, GaussianNoise* noise, int64_t length)
      : clip_(clip), noise_(noise), length_(static_cast<size_t>(length)) {}
  /// nullptr after the last window. Valid until the next call.
  Result<const FrameWindow*> next();

 private:
  Clip& clip_;
  GaussianNoise* noise_;
  size_t length_;
  FrameWindow window_;
};

}  // namespace fvattn::video
