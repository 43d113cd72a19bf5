#include "reference/relative_error.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fvattn::reference {

double relative_error(const at::Tensor& got, const at::Tensor& want, double least) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (got.sizes() != want.sizes()) return kInfinity;
  const at::Tensor a = got.detach().to(want.device(), at::kDouble), b = want.detach().to(at::kDouble);
  const at::Tensor difference = (a - b).masked_fill_(a == b, 0);  // infinities too
  const double error = difference.norm().item<double>();
  const double size = std::max(b.masked_fill(b.isinf(), 0).norm().item<double>(), least);
  if (!std::isfinite(error)) return kInfinity;
  return error == 0 ? 0 : size == 0 ? kInfinity : error / size;
}

}  // namespace fvattn::reference
