// Torch tensors as metadata values and back, without copies.
#pragma once

#include <fvattn/metadata.hpp>

#include <ATen/core/Tensor.h>

namespace fvattn FVATTN_PUBLIC {

/// A value that shares the tensor's memory and keeps it alive. Throws Error for a dtype that the C ABI has no name for.
TensorValue to_value(const at::Tensor& tensor);
/// A tensor that shares the value's memory and keeps it alive. Throws Error for a dtype that torch does not have, and
/// for a value without memory.
at::Tensor to_tensor(const TensorValue& value);

}  // namespace fvattn
