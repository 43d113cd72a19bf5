#include "video/denoise_job.hpp"

#include "video/denoise_report.hpp"
#include "video/noise_estimate.hpp"
#include "video/output_folder.hpp"
#include "video/png.hpp"

#include <algorithm>

namespace fvattn::video {

DenoiseJob::DenoiseJob(const DenoiseOptions& options, const ClipInfo& info, host::Ranks& ranks, bool progress)
    : options_(options), ranks_(ranks), progress_(progress) {
  result_.setup.clip = info;
  result_.setup.ranks = ranks.size();
}

WindowTokens DenoiseJob::tokens_of(const FrameWindow& window) const {
  return WindowTokens(window.noisy, options_.heads, result_.setup.bandwidth, options_.device, options_.dtype);
}

void DenoiseJob::set_up(const FrameWindow& window) {
  DenoiseSetup& setup = result_.setup;
  setup.sigma_estimated = !options_.noise;
  setup.sigma = options_.noise ? *options_.noise : estimate_noise(window.noisy.front());
  setup.bandwidth = options_.bandwidth ? *options_.bandwidth : default_bandwidth(setup.sigma);
  setup.window = static_cast<int64_t>(window.noisy.size());
  const PatchGrid grid(setup.window, setup.clip.size.height, setup.clip.size.width);
  setup.grid = {grid.frames(), grid.rows(), grid.columns()};
  const int64_t tensors =
      4 * grid.tokens() * options_.heads * WindowTokens::kHeadDim * static_cast<int64_t>(c10::elementSize(options_.dtype));
  const int64_t copies = window.clean.empty() ? 3 : 4;  // noisy, clean, as a tensor, denoised
  setup.bytes = tensors + copies * setup.window * static_cast<int64_t>(window.noisy.front().rgb.size() * sizeof(float));
}

Status DenoiseJob::choose_backends(const WindowTokens& tokens) {
  std::vector<std::string> requests{options_.backend};
  if (options_.compares) requests = options_.compares_all ? default_context().registry().backend_names() : options_.compared;
  for (const std::string& request : requests) {
    Status refusal;
    try {
      auto pass = BackendPass::prepare(request, options_.parameters, tokens, *options_.core_device, ranks_,
                                       passes_.size());
      if (pass) passes_.push_back(std::move(*pass));
      else refusal = pass.status();
    } catch (const Error& error) {
      refusal = error.status();
    }
    if (refusal.ok()) continue;
    // Whoever was named has to serve; of all the others it is enough to say why they do not.
    if (!options_.compares_all) return refusal;
    PassResult skipped;
    skipped.backend = request;
    skipped.skipped = refusal.text();
    skipped_.push_back(std::move(skipped));
  }
  if (!passes_.empty()) return check_parameters();
  std::string reasons;
  for (const PassResult& skipped : skipped_) reasons += "\n  " + skipped.backend + ": " + skipped.skipped;
  return Status::error(Code::unavailable, "no backend can denoise here" + reasons, {}, {},
                       "fvattn list and fvattn doctor say more");
}

// A key that some backends do not take is theirs to skip; one that none takes is a mistake.
Status DenoiseJob::check_parameters() const {
  for (const std::string& key : passes_.front()->result().unused_parameters) {
    const bool nobody = std::all_of(passes_.begin(), passes_.end(), [&](const auto& pass) {
      const auto& unused = pass->result().unused_parameters;
      return std::find(unused.begin(), unused.end(), key) != unused.end();
    });
    if (nobody && (!options_.compares_all || skipped_.empty())) return passes_.front()->unknown_parameter();
  }
  return {};
}

Status DenoiseJob::start(const FrameWindow& window, const std::function<void(const DenoiseSetup&)>& report) {
  set_up(window);
  const WindowTokens tokens = tokens_of(window);
  if (Status chosen = choose_backends(tokens); !chosen.ok()) return chosen;
  result_.noisy_folder = options_.out + "/noisy";
  if (Status made = make_folder(result_.noisy_folder); !made.ok()) return made;
  for (auto& pass : passes_)
    if (Status opened = pass->open_files(options_.out, result_.setup.clip); !opened.ok()) return opened;
  report(result_.setup);
  const int64_t windows = (result_.setup.clip.frames + result_.setup.window - 1) / result_.setup.window;
  bar_.emplace("denoising", windows * static_cast<int64_t>(passes_.size()), progress_);
  const size_t middle = window.noisy.size() / 2;
  sheet_.noisy = window.noisy[middle];
  sheet_.reference = window.clean.empty() ? window.noisy[middle] : window.clean[middle];
  sheet_.reference_name = window.clean.empty() ? "noisy" : "clean";
  return run(window, tokens);
}

Status DenoiseJob::run(const FrameWindow& window) { return run(window, tokens_of(window)); }

Status DenoiseJob::run(const FrameWindow& window, const WindowTokens& tokens) {
  if (Status written = write_noisy(window); !written.ok()) return written;
  const bool first = sheet_.rows.empty();
  for (auto& pass : passes_) {
    Result<std::vector<Frame>> frames = pass->run(tokens, window);
    if (!frames) return frames.status();
    if (first) sheet_.rows.push_back({{}, (*frames)[frames->size() / 2]});
    bar_->advance();
  }
  return {};
}

Status DenoiseJob::write_noisy(const FrameWindow& window) {
  for (size_t i = window.fresh; i < window.noisy.size(); ++i) {
    if (!window.clean.empty()) noisy_.add(window.noisy[i], window.clean[i]);
    if (Status written = write_frame(result_.noisy_folder, window.first + static_cast<int64_t>(i), window.noisy[i]);
        !written.ok())
      return written;
    ++result_.frames;
  }
  return {};
}

Result<DenoiseResult> DenoiseJob::finish() {
  if (options_.noise) result_.psnr_noisy = noisy_.value();
  for (auto& pass : passes_) {
    if (Status finished = pass->finish(); !finished.ok()) return finished;
    result_.passes.push_back(pass->result());
    if (options_.compares) result_.passes.back().source = "comparison";
  }
  sheet_.title = sheet_title(options_, result_);
  for (size_t i = 0; i < sheet_.rows.size(); ++i) sheet_.rows[i].caption = sheet_caption(result_.passes[i]);
  result_.sheet = options_.out + "/comparison.png";
  if (Status written = write_png(result_.sheet, make_sheet(sheet_)); !written.ok()) return written;
  result_.passes.insert(result_.passes.end(), skipped_.begin(), skipped_.end());
  bar_.reset();
  return std::move(result_);
}

}  // namespace fvattn::video
