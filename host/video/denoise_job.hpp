// A denoise run in progress: the backends that take part, window after window.
#pragma once

#include "video/denoise.hpp"
#include "video/sheet.hpp"

#include "common/progress.hpp"

#include <memory>
#include <optional>

namespace fvattn::video {

class DenoiseJob {
 public:
  /// `options` and `ranks` must outlive it.
  DenoiseJob(const DenoiseOptions& options, const ClipInfo& info, host::Ranks& ranks, bool progress);

  bool started() const { return bar_.has_value(); }
  /// The first window: settles sigma, bandwidth and who takes part, then runs it.
  Status start(const FrameWindow& window, const std::function<void(const DenoiseSetup&)>& report);
  Status run(const FrameWindow& window);
  /// Gives the files their names.
  Result<DenoiseResult> finish();

 private:
  WindowTokens tokens_of(const FrameWindow& window) const;
  void set_up(const FrameWindow& window);
  Status choose_backends(const WindowTokens& tokens);
  Status check_parameters() const;
  Status run(const FrameWindow& window, const WindowTokens& tokens);
  Status write_noisy(const FrameWindow& window);

  const DenoiseOptions& options_;
  host::Ranks& ranks_;
  const bool progress_;
  DenoiseResult result_;
  std::vector<std::unique_ptr<BackendPass>> passes_;
  std::vector<PassResult> skipped_;
  PsnrMeter noisy_;
  SheetContent sheet_;
  std::optional<host::Progress> bar_;
};

}  // namespace fvattn::video
