// Who will serve the call, before the layer is made: the backend decides where the remaining parameters go.
#pragma once

#include "run/keys.hpp"
#include "run/tensor_file.hpp"

namespace fvattn::host {

/// The device of core for a torch device.
Result<const Device*> device_of(const at::Device& device);

/// The layer's own selection for these operands (text rows appended), without its metadata.
Result<Selection> select_backend(const Keys& keys, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const Tensors& extras);

}  // namespace fvattn::host
