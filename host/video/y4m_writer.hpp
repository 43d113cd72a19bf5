// Video as an uncompressed y4m file, which ffmpeg, mpv and VLC read.
#pragma once

#include "video/clip.hpp"

#include "common/atomic_file.hpp"

namespace fvattn::video {

/// YUV4MPEG2, 4:4:4, BT.601 limited range. The file gets its name when finish() succeeds.
class Y4mWriter {
 public:
  static Result<Y4mWriter> create(const std::string& path, const ClipInfo& info);
  /// A frame of the size given to create().
  Status write(const Frame& frame);
  Status finish() { return file_.commit(); }

 private:
  explicit Y4mWriter(host::AtomicFile file) : file_(std::move(file)) {}
  host::AtomicFile file_;
  std::string planes_;
};

}  // namespace fvattn::video
