// The keys that a backend says it attends, as a mask.
#pragma once

#include <ATen/core/Tensor.h>

namespace fvattn::reference {

/// bool [B, H, rows, Sk] on the host from what `describe` gives: mask_tiles [B, H, nq, nk], the tile of each query row and
/// of each key. `rows` int64 [n], undefined: all.
at::Tensor attended(const at::Tensor& mask_tiles, const at::Tensor& q_tile, const at::Tensor& k_tile,
                    const at::Tensor& rows = {});

}  // namespace fvattn::reference
