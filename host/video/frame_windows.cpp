#include "video/frame_windows.hpp"

#include <algorithm>

namespace fvattn::video {
namespace {

// The last `length` of `frames`.
void keep_last(std::vector<Frame>& frames, size_t length) {
  if (frames.size() > length) frames.erase(frames.begin(), frames.end() - static_cast<std::ptrdiff_t>(length));
}

}  // namespace

Result<const FrameWindow*> FrameWindows::next() {
  const size_t former = window_.noisy.size();
  size_t read = 0;
  for (; read < length_; ++read) {
    Result<std::optional<Frame>> frame = clip_.next();
    if (!frame) return frame.status();
    if (!frame->has_value()) break;
    window_.noisy.push_back(std::move(**frame));
    if (noise_ == nullptr) continue;
    window_.clean.push_back(window_.noisy.back());
    noise_->add_to(window_.noisy.back());
  }
  if (read == 0) return static_cast<const FrameWindow*>(nullptr);
  keep_last(window_.noisy, length_);
  keep_last(window_.clean, length_);
  window_.first += static_cast<int64_t>(former + read - window_.noisy.size());
  window_.fresh = window_.noisy.size() - read;
  return static_cast<const FrameWindow*>(&window_);
}

}  // namespace fvattn::video
