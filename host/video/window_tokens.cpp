#include "video/window_tokens.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fvattn::video {
namespace {

at::Tensor tensor_of(const std::vector<Frame>& window, at::Device device) {
  std::vector<at::Tensor> frames;
  for (const Frame& frame : window)
    frames.push_back(
        at::from_blob(const_cast<float*>(frame.rgb.data()), {frame.size.height, frame.size.width, 3}, at::kFloat));
  return at::stack(frames).to(device);
}

}  // namespace

double default_bandwidth(double sigma) { return 7.1 * std::pow(std::max(sigma, 1.0), 0.75); }

WindowTokens::WindowTokens(const std::vector<Frame>& window, int64_t heads, double bandwidth, at::Device device,
                           at::ScalarType dtype)
    : size_(window.at(0).size),
      grid_(static_cast<int64_t>(window.size()), size_.height, size_.width),
      shifts_(patch_shifts(heads)),
      codec_(at::empty({0}, at::TensorOptions(device).dtype(at::kFloat))) {
  const auto options = at::TensorOptions(device).dtype(dtype);
  const std::vector<int64_t> shape{1, grid_.tokens(), heads, kHeadDim};
  q_ = at::zeros(shape, options);
  k_ = at::zeros(shape, options);
  v_ = at::empty(shape, options);
  const at::Tensor pixels = tensor_of(window, device);
  for (int64_t head = 0; head < heads; ++head) {
    const at::Tensor values = codec_.encode(grid_.cut(pixels, shifts_[static_cast<size_t>(head)]));
    const at::Tensor features = codec_.features(values);
    place(head, (features - features.mean(0)) / bandwidth, values);
  }
}

void WindowTokens::place(int64_t head, const at::Tensor& features, const at::Tensor& values) {
  const auto dtype = q_.scalar_type();
  const at::Tensor rounded = features.to(dtype);
  // The norm is that of the rounded features, and is itself spread over three channels: a 16-bit number alone would
  // be off by more than what the exponent can bear.
  at::Tensor rest = rounded.to(at::kDouble).square().sum(1) / -2;
  at::Tensor q = q_.select(2, head)[0], k = k_.select(2, head)[0];
  q.narrow(1, 0, PatchCodec::kFeatures).copy_(rounded);
  k.narrow(1, 0, PatchCodec::kFeatures).copy_(rounded);
  for (int64_t part = 0; part < 3; ++part) {
    const at::Tensor term = rest.to(dtype);
    q.select(1, PatchCodec::kFeatures + part).fill_(1);
    k.select(1, PatchCodec::kFeatures + part).copy_(term);
    rest = rest - term.to(at::kDouble);
  }
  v_.select(2, head)[0].copy_(values);
}

std::vector<Frame> WindowTokens::frames_of(const at::Tensor& o) const {
  at::Tensor sum;
  for (size_t head = 0; head < shifts_.size(); ++head) {
    const at::Tensor values = o.select(2, static_cast<int64_t>(head))[0].to(at::kFloat);
    const at::Tensor frames = grid_.join(codec_.decode(values), shifts_[head]);
    sum = sum.defined() ? sum + frames : frames;
  }
  const at::Tensor mean = (sum / static_cast<double>(shifts_.size())).cpu().contiguous();
  std::vector<Frame> frames;
  for (int64_t t = 0; t < mean.size(0); ++t) {
    Frame frame(size_);
    const float* from = mean[t].data_ptr<float>();
    std::copy(from, from + frame.rgb.size(), frame.rgb.begin());
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace fvattn::video
