// One number for how far a tensor is from what it should be.
#pragma once

#include <ATen/core/Tensor.h>

namespace fvattn::reference {

/// ||got - want|| / max(||want||, least) in float64. Infinities must be at the same places with the same sign; a NaN, an
/// infinity elsewhere or another shape gives infinity.
double relative_error(const at::Tensor& got, const at::Tensor& want, double least = 0);

}  // namespace fvattn::reference
