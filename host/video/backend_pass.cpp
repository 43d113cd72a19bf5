#include "video/backend_pass.hpp"

#include "video/output_folder.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <torch/cuda.h>

#include <chrono>

namespace fvattn::video {
namespace {

Problem problem_of(const WindowTokens& tokens) {
  Problem problem;
  problem.q_len = problem.kv_len = tokens.grid().tokens();
  problem.heads = problem.kv_heads = static_cast<int32_t>(tokens.q().size(2));
  problem.head_dim = problem.v_head_dim = WindowTokens::kHeadDim;
  const at::ScalarType dtype = tokens.q().scalar_type();
  problem.dtype_code = dtype == at::kBFloat16 ? FVATTN_DTYPE_BFLOAT : FVATTN_DTYPE_FLOAT;
  problem.dtype_bits = static_cast<uint8_t>(8 * c10::elementSize(dtype));
  problem.scale = 1;
  return problem;
}

void wait_for(const at::Tensor& tensor) {
  if (tensor.is_cuda()) torch::cuda::synchronize(tensor.device().index());
}

}  // namespace

Result<std::unique_ptr<BackendPass>> BackendPass::prepare(const std::string& request, const KeyValues& parameters,
                                                          const WindowTokens& tokens, const Device& device) {
  Request wanted;
  wanted.backend = request;
  const auto selection = default_context().selector().select(wanted, device, problem_of(tokens));
  if (!selection) return selection.status();
  const AttentionBackend& backend = *selection->backend;
  const PatchGrid& grid = tokens.grid();
  auto routed = route_parameters(parameters, backend, {grid.frames(), grid.rows(), grid.columns()});
  if (!routed) return routed.status();

  ForwardContext surroundings = std::move(routed->keys.context);
  auto built = backend.make_builder(device)->build(routed->backend.metadata);
  if (!built) return built.status();
  surroundings.add(*built);

  LocalAttentionOptions options = std::move(routed->keys.layer);
  options.num_heads = tokens.q().size(2);
  options.head_size = WindowTokens::kHeadDim;
  options.softmax_scale = 1;
  options.backend = request;
  options.impl_options = std::move(routed->backend.options);
  LocalAttention layer(std::move(options));
  layer->eval();
  std::unique_ptr<BackendPass> pass(new BackendPass(std::move(layer)));
  for (const TensorKey& key : backend.tensor_keys())
    if (key.name.starts_with("gate")) pass->gates_.push_back(key.name);
  pass->surroundings_ = std::make_shared<const ForwardContext>(std::move(surroundings));
  {
    const ForwardContextScope scope(pass->surroundings_);
    pass->layer_->select(tokens.q(), tokens.k(), tokens.v(), pass->closed_gates(tokens.q()));
  }
  const std::string& qualified = backend.qualified_name();
  pass->result_.backend = backend.get_name();
  pass->result_.plugin = qualified.substr(0, qualified.rfind('/'));
  pass->result_.plugin_version = backend.plugin_version();
  pass->result_.source = to_string(selection->source);
  pass->result_.unused_parameters = std::move(routed->unused);
  pass->unknown_parameter_ = std::move(routed->unknown);
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

// A mean over patches is softmax attention alone: a gated branch beside it (pooled blocks, say) is shut with zeros.
Extras BackendPass::closed_gates(const at::Tensor& q) const {
  Extras extras;
  for (const std::string& gate : gates_) extras.tensors[gate] = at::zeros_like(q);
  return extras;
}

at::Tensor BackendPass::attend(const WindowTokens& tokens) {
  const ForwardContextScope scope(surroundings_);
  const at::NoGradGuard no_grad;
  const Extras gates = closed_gates(tokens.q());
  if (!warm_ && tokens.q().is_cuda()) layer_->forward(tokens.q(), tokens.k(), tokens.v(), gates);  // loads the kernels
  warm_ = true;
  wait_for(tokens.q());
  const auto start = std::chrono::steady_clock::now();
  const at::Tensor o = layer_->forward(tokens.q(), tokens.k(), tokens.v(), gates);
  wait_for(o);
  result_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (const auto described = layer_->describe_call(tokens.q(), tokens.k(), tokens.v(), gates)) {
    result_.described = true;
    result_.attended_pairs += described->attended_pairs;
    result_.dense_pairs += described->dense_pairs;
  }
  return o;
}

Result<std::vector<Frame>> BackendPass::run(const WindowTokens& tokens, const FrameWindow& window) {
  std::vector<Frame> frames = tokens.frames_of(attend(tokens));
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
