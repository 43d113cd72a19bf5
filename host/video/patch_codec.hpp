// A patch as attention sees it: a few numbers that say what it looks like, and the vector that is averaged.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace fvattn::video {

/// Both are made of DCT coefficients of luma and two chroma planes; all transforms are orthonormal, so that white noise
/// stays white with the same sigma and distances stay distances.
class PatchCodec {
 public:
  static constexpr int64_t kLumaFeatures = 6, kChromaFeatures = 1;  // of each plane; more let the noise decide
  static constexpr int64_t kFeatures = kLumaFeatures + 2 * kChromaFeatures;
  static constexpr int64_t kValue = 128;  // all 64 of luma and the lowest 32 of each chroma plane

  explicit PatchCodec(const at::Tensor& like);  // device and float dtype
  /// [n, 3, 8, 8] RGB to [n, kValue].
  at::Tensor encode(const at::Tensor& patches) const;
  /// The inverse of encode(), but for the high frequencies of chroma.
  at::Tensor decode(const at::Tensor& values) const;
  /// [n, kFeatures] of encode()'s result: the lowest coefficients.
  at::Tensor features(const at::Tensor& values) const;

 private:
  at::Tensor basis_;  // [kValue, 3 * 64] over a flat RGB patch
};

}  // namespace fvattn::video
