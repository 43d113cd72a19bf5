#include "video/window_tokens.hpp"

#include <ATen/ATen.h>

#include <cmath>

#undef CHECK  // torch has one of its own that ends the process
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace fvattn::video;

namespace {

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

std::vector<Frame> frames_from(const at::Tensor& pixels) {
  std::vector<Frame> frames;
  for (int64_t t = 0; t < pixels.size(0); ++t) {
    Frame frame({static_cast<int>(pixels.size(2)), static_cast<int>(pixels.size(1))});
    const at::Tensor one = pixels[t].contiguous();
    std::copy(one.data_ptr<float>(), one.data_ptr<float>() + one.numel(), frame.rgb.begin());
    frames.push_back(std::move(frame));
  }
  return frames;
}

// A window whose chroma has no high frequencies: encode() keeps all of it.
at::Tensor smooth_window(int64_t frames, int64_t height, int64_t width) {
  return at::rand({frames, height, width, 1}).mul(200).expand({frames, height, width, 3}).contiguous();
}

}  // namespace

TEST_CASE("every shift cuts all pixels into patches and gives them back") {
  for (const auto& [height, width] : {std::pair{136, 320}, std::pair{13, 21}, std::pair{8, 8}, std::pair{1, 3}}) {
    const at::Tensor window = at::rand({3, height, width, 3});
    const PatchGrid grid(3, height, width);
    for (const int64_t count : {1, 4, 16, 64}) {
      const auto shifts = patch_shifts(count);
      REQUIRE(static_cast<int64_t>(shifts.size()) == count);
      for (const PatchShift shift : shifts) {
        const at::Tensor patches = grid.cut(window, shift);
        REQUIRE(patches.sizes() == at::IntArrayRef({grid.tokens(), 3, kPatch, kPatch}));
        CHECK(at::equal(grid.join(patches, shift), window));
      }
    }
  }
}

TEST_CASE("tokens are in raster order and the edge is mirrored") {
  const at::Tensor window = at::arange(2 * 16 * 16).to(at::kFloat).view({2, 16, 16, 1});
  const PatchGrid grid(2, 16, 16);
  CHECK(grid.rows() == 3);
  CHECK(grid.columns() == 3);
  const at::Tensor patches = grid.cut(window, {2, 3});
  CHECK(patches[0][0][2][3].item<float>() == 0);  // pixel (0, 0) of frame 0
  CHECK(patches[0][0][1][3].item<float>() == 0);  // above it, mirrored
  CHECK(patches[0][0][0][3].item<float>() == 16);
  CHECK(patches[1][0][2][0].item<float>() == 5);       // one patch to the right
  CHECK(patches[3][0][0][3].item<float>() == 6 * 16);  // one patch down
  CHECK(patches[9][0][2][3].item<float>() == 256);     // the next frame
}

TEST_CASE("the codec keeps white noise white and gives luma back exactly") {
  const PatchCodec codec(at::empty({0}, at::kDouble));
  const at::Tensor identity = codec.encode(at::eye(192, at::kDouble).view({192, 3, kPatch, kPatch}));
  CHECK(largest(identity.t().matmul(identity) - at::eye(PatchCodec::kValue, at::kDouble)) < 1e-12);
  const at::Tensor grey = at::rand({50, 1, kPatch, kPatch}, at::kDouble).expand({50, 3, kPatch, kPatch});
  CHECK(largest(codec.decode(codec.encode(grey)) - grey) < 1e-12);
}

TEST_CASE("features are the mean and the lowest frequencies") {
  const PatchCodec codec(at::empty({0}, at::kDouble));
  const at::Tensor features = codec.features(codec.encode(at::full({1, 3, kPatch, kPatch}, 10, at::kDouble)));
  REQUIRE(features.size(1) == PatchCodec::kFeatures);
  CHECK(features[0][0].item<double>() == doctest::Approx(10 * 8 * std::sqrt(3.0)));
  CHECK(largest(features.narrow(1, 1, PatchCodec::kFeatures - 1)) < 1e-12);
}

TEST_CASE("attention over the tokens is non-local means") {
  const double bandwidth = 60;
  const at::Tensor pixels = at::rand({2, 19, 26, 3}).mul(255);
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 1e-4}, std::pair{at::kBFloat16, 0.03}}) {
    const WindowTokens tokens(frames_from(pixels), 4, bandwidth, at::kCPU, dtype);
    const PatchGrid grid(2, 19, 26);
    const auto shifts = patch_shifts(4);
    const PatchCodec codec(at::empty({0}, at::kDouble));
    for (int64_t head = 0; head < 4; ++head) {
      const at::Tensor f =
          codec.features(codec.encode(grid.cut(pixels.to(at::kDouble), shifts[static_cast<size_t>(head)]))) / bandwidth;
      const at::Tensor expected = at::softmax(at::cdist(f, f).square() / -2, 1);
      const at::Tensor q = tokens.q().select(2, head)[0].to(at::kDouble), k = tokens.k().select(2, head)[0].to(at::kDouble);
      CHECK(largest(at::softmax(q.matmul(k.t()), 1) - expected) < tolerance);
    }
  }
}

TEST_CASE("the heads are averaged back into frames") {
  const at::Tensor pixels = smooth_window(2, 19, 26);
  const auto frames = frames_from(pixels);
  const WindowTokens tokens(frames, 16, 50, at::kCPU, at::kFloat);
  CHECK(tokens.v().sizes() == at::IntArrayRef({1, 2 * 4 * 5, 16, WindowTokens::kHeadDim}));
  const auto back = tokens.frames_of(tokens.v());
  REQUIRE(back.size() == 2);
  for (size_t t = 0; t < 2; ++t)
    for (size_t i = 0; i < frames[t].rgb.size(); ++i) CHECK(std::fabs(back[t].rgb[i] - frames[t].rgb[i]) < 1e-3F);
}

TEST_CASE("the bandwidth grows with the noise and has a floor") {
  CHECK(default_bandwidth(25) == doctest::Approx(79.4).epsilon(0.01));
  CHECK(default_bandwidth(50) > default_bandwidth(25));
  CHECK(default_bandwidth(0) == default_bandwidth(1));
}
