// A clip that the program ffmpeg decodes.
#pragma once

#include "video/clip.hpp"
#include "video/ffmpeg_process.hpp"

namespace fvattn::video {

class FfmpegClip : public Clip {
 public:
  static Result<std::unique_ptr<Clip>> open(const ClipRequest& request);
  const ClipInfo& info() const override { return info_; }
  Result<std::optional<Frame>> next() override;

 private:
  FfmpegClip(std::string path, ClipInfo info, FfmpegProcess process)
      : path_(std::move(path)), info_(info), process_(std::move(process)) {}

  std::string path_;
  ClipInfo info_;
  FfmpegProcess process_;
  std::vector<uint8_t> bytes_;
  bool ended_ = false;
};

}  // namespace fvattn::video
