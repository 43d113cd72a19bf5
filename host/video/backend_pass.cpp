#include "video/backend_pass.hpp"

#include "video/output_folder.hpp"

#include <ATen/core/grad_mode.h>
#include <torch/cuda.h>

#include <chrono>

namespace fvattn::video {
namespace {

void wait_for(const at::Tensor& tensor) {
  if (tensor.is_cuda()) torch::cuda::synchronize(tensor.device().index());
}

}  // namespace

BackendPass::BackendPass(PreparedAttention prepared, host::Ranks& ranks, size_t index)
    : prepared_(std::move(prepared)), ranks_(ranks), index_(index), layer_(prepared_.options) {
  layer_->eval();
  if (!ranks.alone()) spread_ = std::make_unique<SpreadAttention>(ranks, prepared_);
  const AttentionBackend& backend = *prepared_.selection.backend;
  const std::string& qualified = backend.qualified_name();
  result_.backend = backend.get_name();
  result_.plugin = qualified.substr(0, qualified.rfind('/'));
  result_.plugin_version = backend.plugin_version();
  result_.source = to_string(prepared_.selection.source);
  result_.unused_parameters = prepared_.unused_parameters;
}

Result<std::unique_ptr<BackendPass>> BackendPass::prepare(const std::string& request, const KeyValues& parameters,
                                                          const WindowTokens& tokens, const Device& device,
                                                          host::Ranks& ranks, size_t index) {
  const PatchGrid& grid = tokens.grid();
  const TokenShape shape{{grid.frames(), grid.rows(), grid.columns()}, tokens.q().size(2), tokens.q().scalar_type()};
  const auto told = ranks.tell({}, {{task::kName, task::kPrepare},
                                    {task::kRequest, request},
                                    {task::kGrid, std::to_string(grid.frames()) + " " + std::to_string(grid.rows()) + " " +
                                                      std::to_string(grid.columns())}});
  if (!told) return told.status();
  std::unique_ptr<BackendPass> pass;
  Status refusal;
  try {
    auto prepared = prepare_attention(request, parameters, shape, device);
    refusal = prepared.status();
    if (prepared) {
      pass.reset(new BackendPass(std::move(*prepared), ranks, index));
      const ForwardContextScope scope(pass->prepared_.surroundings);
      pass->layer_->select(tokens.q(), tokens.k(), tokens.v(), pass->prepared_.closed_gates(tokens.q()));
    }
  } catch (const Error& error) {
    refusal = error.status();
  }
  if (Status status = ranks.all_well(refusal); !status.ok()) return status;
  return pass;
}

Status BackendPass::open_files(const std::string& folder, const ClipInfo& info) {
  result_.folder = folder + "/" + file_name(result_.backend);
  result_.video = result_.folder + ".y4m";
  if (Status made = make_folder(result_.folder); !made.ok()) return made;
  Result<Y4mWriter> video = Y4mWriter::create(result_.video, info);
  if (!video) return video.status();
  video_.emplace(std::move(*video));
  return {};
}

Result<at::Tensor> BackendPass::forward(const WindowTokens& tokens, const Extras& gates) {
  if (spread_ == nullptr) return layer_->forward(tokens.q(), tokens.k(), tokens.v(), gates);
  if (const auto told = ranks_.tell({}, {{task::kName, task::kAttend}, {task::kPass, std::to_string(index_)}}); !told)
    return told.status();
  return spread_->attend(tokens.q(), tokens.k(), tokens.v());
}

Result<at::Tensor> BackendPass::attend(const WindowTokens& tokens) {
  const ForwardContextScope scope(prepared_.surroundings);
  const at::NoGradGuard no_grad;
  const Extras gates = prepared_.closed_gates(tokens.q());
  if (!warm_ && tokens.q().is_cuda()) layer_->forward(tokens.q(), tokens.k(), tokens.v(), gates);  // loads the kernels
  warm_ = true;
  wait_for(tokens.q());
  const auto start = std::chrono::steady_clock::now();
  auto o = forward(tokens, gates);
  if (!o) return o;
  wait_for(*o);
  result_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (const auto described = layer_->describe_call(tokens.q(), tokens.k(), tokens.v(), gates)) {
    result_.described = true;
    result_.attended_pairs += described->attended_pairs;
    result_.dense_pairs += described->dense_pairs;
  }
  return o;
}

Result<std::vector<Frame>> BackendPass::run(const WindowTokens& tokens, const FrameWindow& window) {
  const auto o = attend(tokens);
  if (!o) return o.status();
  std::vector<Frame> frames = tokens.frames_of(*o);
  if (Status written = write(frames, window); !written.ok()) return written;
  return frames;
}

Status BackendPass::write(const std::vector<Frame>& frames, const FrameWindow& window) {
  for (size_t i = window.fresh; i < frames.size(); ++i) {
    if (!window.clean.empty()) meter_.add(frames[i], window.clean[i]);
    if (Status written = video_->write(frames[i]); !written.ok()) return written;
    if (Status written = write_frame(result_.folder, window.first + static_cast<int64_t>(i), frames[i]); !written.ok())
      return written;
  }
  if (!window.clean.empty()) result_.psnr = meter_.value();
  return {};
}

Status BackendPass::finish() { return video_->finish(); }

}  // namespace fvattn::video
