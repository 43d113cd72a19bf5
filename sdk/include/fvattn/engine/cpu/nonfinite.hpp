// Infinities and NaN in values that only some rows of a tile see: 0 * NaN would carry them into the other rows.
#pragma once

#include <fvattn/engine/cpu/selection.hpp>
#include <fvattn/engine/cpu/tile_io.hpp>

namespace fvattn::engine::cpu {

template <class T>
bool all_finite(const T* row, int width) {
  T zero = 0;
  for (int d = 0; d < width; ++d) zero += row[d] * T{0};
  return zero == 0;  // NaN otherwise
}

/// The rows of a masked tile with such rows replaced by zeros, in `buffer`; `result` gets what they weigh, where visible.
/// weights[i, c] and result[d, c] have row length ld; result is already rescaled.
template <class T, int kSlots, int kColumns>
RowBlock<T> without_nonfinite(const RowBlock<T>& rows, const Selection<kSlots, kColumns>& selection, int width, int m,
                              int ld, const T* weights, T* result, T* buffer) {
  for (int i = 0; i < selection.n; ++i) {
    const T* row = rows.data + i * rows.row_stride;
    T* copy = buffer + i * width;
    if (all_finite(row, width)) {
      if (copy != row) std::memcpy(copy, row, sizeof(T) * width);
      continue;
    }
    for (int c = 0; c < m; ++c) {
      const bool visible = selection.visible[i * selection.kWords + c / 64] >> (c % 64) & 1;
      for (int d = 0; visible && d < width; ++d) result[d * ld + c] += weights[i * ld + c] * row[d];
    }
    std::memset(copy, 0, sizeof(T) * width);
  }
  return {buffer, width};
}

}  // namespace fvattn::engine::cpu
