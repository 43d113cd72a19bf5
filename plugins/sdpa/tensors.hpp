// The host's tensors as torch sees them.
#pragma once

#include <fvattn/plugin.hpp>

#include <ATen/core/Tensor.h>

namespace fvattn::sdpa {

using plugin::Call;

/// INTERNAL for a dtype that the query let through by mistake.
at::ScalarType scalar_type(const fvattn_tensor& t);

/// A view of the host's memory.
at::Tensor wrap(const fvattn_tensor& t);
/// [B, S, H, D] as [B, H, S, D], the order of torch's attention. A view as well.
at::Tensor wrap_heads_first(const fvattn_tensor& t);

}  // namespace fvattn::sdpa
