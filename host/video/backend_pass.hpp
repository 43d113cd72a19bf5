// One backend's way through the clip: its attention layer, its figures, its files.
#pragma once

#include "video/frame_windows.hpp"
#include "video/psnr.hpp"
#include "video/spread_attention.hpp"
#include "video/window_tokens.hpp"
#include "video/y4m_writer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fvattn::video {

/// How one backend did. Sums run over all windows.
struct PassResult {
  std::string backend;                         // the name asked for, or that of the backend chosen
  std::string plugin, plugin_version, source;  // source: who decided on it
  std::string skipped;                         // why it did not take part; empty if it did
  std::vector<std::string> unused_parameters;
  std::optional<double> psnr;  // of the denoised clip; none without a clean one
  double seconds = 0;          // in the attention calls
  bool described = false;      // the backend says what it attends
  int64_t attended_pairs = 0, dense_pairs = 0;
  std::string folder, video;
};

class BackendPass {
 public:
  /// Chooses the backend for `request` (the selector's grammar) and checks that it can do this with these parameters:
  /// refusals are errors here, not later. `tokens` is the first window. Of several ranks the others prepare, too: pass
  /// number `index` of those that take part.
  static Result<std::unique_ptr<BackendPass>> prepare(const std::string& request, const KeyValues& parameters,
                                                      const WindowTokens& tokens, const Device& device, host::Ranks& ranks,
                                                      size_t index);

  /// Puts the frames into `folder`/NAME and the video into `folder`/NAME.y4m.
  Status open_files(const std::string& folder, const ClipInfo& info);
  /// Denoises the window; its fresh frames are counted and written. Returns all its frames.
  Result<std::vector<Frame>> run(const WindowTokens& tokens, const FrameWindow& window);
  Status finish();

  const PassResult& result() const { return result_; }
  /// The error that an unused parameter would be if this backend were alone.
  const Status& unknown_parameter() const { return prepared_.unknown_parameter; }

 private:
  BackendPass(PreparedAttention prepared, host::Ranks& ranks, size_t index);
  Result<at::Tensor> attend(const WindowTokens& tokens);
  Result<at::Tensor> forward(const WindowTokens& tokens, const Extras& gates);
  Status write(const std::vector<Frame>& frames, const FrameWindow& window);

  const PreparedAttention prepared_;
  host::Ranks& ranks_;
  const size_t index_;
  LocalAttention layer_;
  std::unique_ptr<SpreadAttention> spread_;  // of several ranks
  PsnrMeter meter_;
  std::optional<Y4mWriter> video_;
  PassResult result_;
  bool warm_ = false;
};

}  // namespace fvattn::video
