#include "video/denoise.hpp"

#include "video/denoise_job.hpp"
#include "video/frame_windows.hpp"

#include <chrono>

namespace fvattn::video {

Result<DenoiseResult> denoise(const DenoiseOptions& options, host::Ranks& ranks,
                              const std::function<void(const DenoiseSetup&)>& started, bool progress) {
  const auto start = std::chrono::steady_clock::now();
  auto clip = open_clip({options.clip, options.size, options.frames});
  if (!clip) return clip.status();
  GaussianNoise noise(options.noise.value_or(0), options.seed);
  FrameWindows windows(**clip, options.noise ? &noise : nullptr, options.window);
  DenoiseJob job(options, (*clip)->info(), ranks, progress);
  for (;;) {
    Result<const FrameWindow*> window = windows.next();
    if (!window) return window.status();
    if (*window == nullptr) break;
    const Status status = job.started() ? job.run(**window) : job.start(**window, started);
    if (!status.ok()) return status;
  }
  if (!job.started()) return Status::error(Code::failed_precondition, "the clip has no frames", options.clip);
  Result<DenoiseResult> result = job.finish();
  if (const auto told = ranks.tell(result.status(), {{task::kName, task::kEnd}}); result && !told) return told.status();
  if (result) result->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace fvattn::video
