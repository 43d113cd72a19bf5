// A window of frames as the q, k and v of one attention call, and its result as frames again.
//
// Non-local means (Buades, Coll, Morel 2005) is attention: with q = (f, 1) and k = (f, -|f|^2/2), f the features of a
// patch over the bandwidth h, exp(q.k) is exp(-|f_i - f_j|^2 / 2) up to a factor that softmax over j cancels.
#pragma once

#include "video/frame.hpp"
#include "video/patch_codec.hpp"
#include "video/patch_grid.hpp"

#include <ATen/core/Tensor.h>

#include <vector>

namespace fvattn::video {

/// Distance of features at which a patch counts for exp(-1/2), in grey levels: fitted to the best values for sigma 10,
/// 25 and 50 on two real clips. At least that of sigma 1.
double default_bandwidth(double sigma);

class WindowTokens {
 public:
  static constexpr int64_t kHeadDim = PatchCodec::kValue;

  /// Frames of one size. One head for each of `heads` shifted grids; tensors in `dtype` on `device`.
  WindowTokens(const std::vector<Frame>& window, int64_t heads, double bandwidth, at::Device device, at::ScalarType dtype);

  const PatchGrid& grid() const { return grid_; }
  /// [1, tokens, heads, kHeadDim]; the softmax scale is 1.
  const at::Tensor& q() const { return q_; }
  const at::Tensor& k() const { return k_; }
  const at::Tensor& v() const { return v_; }

  /// The frames of an attention result, the heads averaged.
  std::vector<Frame> frames_of(const at::Tensor& o) const;

 private:
  void place(int64_t head, const at::Tensor& features, const at::Tensor& values);

  Size size_;
  PatchGrid grid_;
  std::vector<PatchShift> shifts_;
  PatchCodec codec_;
  at::Tensor q_, k_, v_;
};

}  // namespace fvattn::video
