// A moving scene made of formulas, for machines without a clip and for tests.
#pragma once

#include "video/clip.hpp"

namespace fvattn::video {

/// Textured ground that pans, a striped disc and a box that cross it. The same on every machine up to the rounding of sin.
class GeneratedClip : public Clip {
 public:
  explicit GeneratedClip(const ClipRequest& request);
  const ClipInfo& info() const override { return info_; }
  Result<std::optional<Frame>> next() override;

 private:
  ClipInfo info_;
  int64_t next_ = 0;
};

}  // namespace fvattn::video
