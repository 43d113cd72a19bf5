// Tiles between memory and scratch: rows as they are, or transposed into columns.
#pragma once

#include <fvattn/engine/cpu/args.hpp>
#include <fvattn/engine/cpu/kernels.hpp>
#include <fvattn/engine/token_map.hpp>

#include <cstring>
#include <type_traits>

namespace fvattn::engine::cpu {

template <class From, class To>
void convert_row(const From* from, To* to, int width) {
  if constexpr (std::is_same_v<From, To>)
    std::memcpy(to, from, sizeof(To) * width);
  else if constexpr (std::is_arithmetic_v<From> && std::is_arithmetic_v<To>)
    for (int d = 0; d < width; ++d) to[d] = static_cast<To>(from[d]);
  else if constexpr (std::is_same_v<To, float>)
    widen(from, to, width);
  else
    narrow(from, to, width);
}

/// n rows of `width` elements, row_stride apart.
template <class T>
struct RowBlock {
  const T* data;
  std::int64_t row_stride;
};

/// The rows in place where they are evenly spaced and already of type T, else a packed copy in `buffer`.
template <class E, class T>
RowBlock<T> load_rows(const TensorView<const E>& from, int batch, int head, const int* row, int n, int width, T* buffer) {
  if constexpr (std::is_same_v<E, T>) {
    bool run = true;
    for (int i = 1; i < n; ++i) run &= row[i] == row[0] + i;
    if (run) return {from.row(batch, row[0], head), from.token_stride};
  }
  for (int i = 0; i < n; ++i) convert_row(from.row(batch, row[i], head), buffer + i * width, width);
  return {buffer, width};
}

/// columns[d * ld + slot]; slots without a token are zero. `line` has room for `width` elements.
template <class E, class T>
void load_columns(const TensorView<const E>& from, int batch, int head, const int* row, int m, int width, int ld, T* columns,
                  T* line) {
  std::memset(columns, 0, sizeof(T) * width * ld);
  for (int slot = 0; slot < m; ++slot) {
    if (row[slot] == kNoRow) continue;
    convert_row(from.row(batch, row[slot], head), line, width);
    for (int d = 0; d < width; ++d) columns[d * ld + slot] = line[d];
  }
}

/// The inverse; rows with keep(slot) false become zero.
template <class T, class Out, class Keep>
void store_columns(const T* columns, int m, int width, int ld, const int* row, const TensorView<Out>& to, int batch,
                   int head, T* line, Keep&& keep) {
  for (int slot = 0; slot < m; ++slot) {
    if (row[slot] == kNoRow) continue;
    const bool kept = keep(slot);
    for (int d = 0; d < width; ++d) line[d] = kept ? columns[d * ld + slot] : T{0};
    convert_row(line, to.row(batch, row[slot], head), width);
  }
}

}  // namespace fvattn::engine::cpu
