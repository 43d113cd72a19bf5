#include "video/clip.hpp"

#include "video/ffmpeg_clip.hpp"
#include "video/generated_clip.hpp"

namespace fvattn::video {

Result<std::unique_ptr<Clip>> open_clip(const ClipRequest& request) {
  if (request.name == kGeneratedClip) return std::unique_ptr<Clip>(std::make_unique<GeneratedClip>(request));
  return FfmpegClip::open(request);
}

}  // namespace fvattn::video
