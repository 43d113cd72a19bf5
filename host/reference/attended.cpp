#include "reference/attended.hpp"

#include <ATen/ATen.h>

namespace fvattn::reference {

at::Tensor attended(const at::Tensor& mask_tiles, const at::Tensor& q_tile, const at::Tensor& k_tile,
                    const at::Tensor& rows) {
  const at::Tensor tiles = rows.defined() ? q_tile.index_select(0, rows.cpu()) : q_tile;
  return mask_tiles.ne(0).index_select(2, tiles.to(at::kLong)).index_select(3, k_tile.to(at::kLong));
}

}  // namespace fvattn::reference
