// at::Tensor as the C ABI's tensor and back, without copies.
#pragma once

#include <fvattn/plugin.h>
#include <fvattn/problem.hpp>

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace fvattn {

/// DLPack's code and width; nullopt for a dtype that the C ABI has no name for.
struct DlDtype {
  uint8_t code = 0, bits = 0;
};
std::optional<DlDtype> dl_dtype(at::ScalarType type);
std::optional<at::ScalarType> scalar_type(uint8_t code, uint8_t bits);

/// A view. Sizes and strides are those of `tensor`, which must outlive it. The dtype must have a DlDtype.
fvattn_tensor view_of(const at::Tensor& tensor);
/// "shape and dtype without memory"
Spec spec_of(std::string name, const at::Tensor& tensor);

/// What core promises to plugins: innermost stride 1, 16-byte alignment. `tensor` itself where that holds, else a
/// contiguous copy (differentiable), counted in `copies`.
at::Tensor readable(const at::Tensor& tensor, uint64_t& copies);

}  // namespace fvattn
