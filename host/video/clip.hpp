// Where frames come from: a file that ffmpeg reads, or the generated scene.
#pragma once

#include "video/frame.hpp"

#include <fvattn/status.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace fvattn::video {

inline constexpr const char* kGeneratedClip = "generated";

struct ClipInfo {
  Size size;
  int rate_numerator = 25, rate_denominator = 1;  // frames per second
  int64_t frames = 0;                             // how many next() will give at most
  bool generated = false;
};

/// Frames in order, one at a time: a clip is never in memory as a whole. For one thread.
class Clip {
 public:
  virtual ~Clip() = default;
  virtual const ClipInfo& info() const = 0;
  /// nullopt after the last frame. FAILED_PRECONDITION if the clip cannot be decoded any further.
  virtual Result<std::optional<Frame>> next() = 0;
};

struct ClipRequest {
  std::string name;          // a file, or kGeneratedClip
  std::optional<Size> size;  // scaled to it; the clip's own otherwise
  int64_t frames = 0;        // at most so many; 0 = all
};

/// FAILED_PRECONDITION for a file that is missing or that ffmpeg cannot decode, UNAVAILABLE without the program ffmpeg.
Result<std::unique_ptr<Clip>> open_clip(const ClipRequest& request);

}  // namespace fvattn::video
