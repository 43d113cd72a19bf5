#include "video/patch_codec.hpp"

#include "video/patch_grid.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace fvattn::video {
namespace {

constexpr int64_t kPixels = kPatch * kPatch, kChromaKept = (PatchCodec::kValue - kPixels) / 2;
constexpr double kPlanes[3][3] = {{1, 1, 1}, {1, 0, -1}, {1, -2, 1}};  // luma and two opponent colours, over RGB

double dct(int64_t frequency, int64_t position) {
  const double scale = std::sqrt((frequency == 0 ? 1.0 : 2.0) / kPatch);
  return scale * std::cos(std::numbers::pi * (2 * position + 1) * frequency / (2 * kPatch));
}

// (vertical, horizontal) frequencies by their sum, the balanced ones first.
std::vector<std::pair<int64_t, int64_t>> frequencies() {
  std::vector<std::pair<int64_t, int64_t>> all;
  for (int64_t i = 0; i < kPatch; ++i)
    for (int64_t j = 0; j < kPatch; ++j) all.emplace_back(i, j);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first + a.second, std::abs(a.first - a.second)) <
           std::pair(b.first + b.second, std::abs(b.first - b.second));
  });
  return all;
}

}  // namespace

PatchCodec::PatchCodec(const at::Tensor& like) {
  const auto order = frequencies();
  at::Tensor basis = at::empty({kValue, 3, kPatch, kPatch}, at::kDouble);
  double* next = basis.data_ptr<double>();
  for (int plane = 0; plane < 3; ++plane) {
    const double* weights = kPlanes[plane];
    const double norm = std::sqrt(weights[0] * weights[0] + weights[1] * weights[1] + weights[2] * weights[2]);
    for (int64_t n = 0; n < (plane == 0 ? kPixels : kChromaKept); ++n)
      for (int colour = 0; colour < 3; ++colour)
        for (int64_t y = 0; y < kPatch; ++y)
          for (int64_t x = 0; x < kPatch; ++x)
            *next++ = weights[colour] / norm * dct(order[static_cast<size_t>(n)].first, y) *
                      dct(order[static_cast<size_t>(n)].second, x);
  }
  basis_ = basis.reshape({kValue, 3 * kPixels}).to(like.options());
}

at::Tensor PatchCodec::encode(const at::Tensor& patches) const {
  return patches.reshape({-1, 3 * kPixels}).matmul(basis_.t());
}

at::Tensor PatchCodec::decode(const at::Tensor& values) const {
  return values.matmul(basis_).reshape({-1, 3, kPatch, kPatch});
}

at::Tensor PatchCodec::features(const at::Tensor& values) const {
  return at::cat({values.narrow(1, 0, kLumaFeatures), values.narrow(1, kPixels, kChromaFeatures),
                  values.narrow(1, kPixels + kChromaKept, kChromaFeatures)},
                 1);
}

}  // namespace fvattn::video
