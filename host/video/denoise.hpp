// The job of the verb denoise.
#pragma once

#include "video/backend_pass.hpp"
#include "video/denoise_options.hpp"

#include <fvattn/status.hpp>

#include <functional>
#include <string>
#include <vector>

namespace fvattn::video {

/// What is known before the first attention call.
struct DenoiseSetup {
  ClipInfo clip;
  double sigma = 0;  // added, or estimated
  bool sigma_estimated = false;
  double bandwidth = 0;
  int64_t window = 0;         // frames
  std::vector<int64_t> grid;  // tokens: frames, rows, columns
  int ranks = 1;
  int64_t bytes = 0;          // of a window's frames and tensors, whatever the clip's length
};

struct DenoiseResult {
  DenoiseSetup setup;
  int64_t frames = 0;
  std::optional<double> psnr_noisy;
  std::vector<PassResult> passes;
  double seconds = 0;  // all in all
  std::string noisy_folder, sheet;
};

/// `options` must be complete. `started` is called when the set-up is known. `progress` shows a bar on a terminal.
/// Of several ranks this is rank 0's part; the others serve().
Result<DenoiseResult> denoise(const DenoiseOptions& options, host::Ranks& ranks,
                              const std::function<void(const DenoiseSetup&)>& started, bool progress);

}  // namespace fvattn::video
