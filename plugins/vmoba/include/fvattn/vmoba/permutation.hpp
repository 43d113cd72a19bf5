// The order of tokens in which chunks are contiguous, and back. Names as in the reference, whose functions move the
// tensors; these give the indices. Pure functions, any thread.
#pragma once

#include <fvattn/vmoba/chunk_size.hpp>

namespace fvattn::vmoba {

/// index[place] is the raster token at that place of the chunk order: out[place] = in[index[place]].
/// Chunks row-major over the grid of chunks, tokens t-major inside. 1-D chunks leave the raster order as it is.
/// Throws std::invalid_argument where the grid is not whole boxes.
inline std::vector<std::int64_t> process_moba_input(const Grid& grid, const ChunkSize& size) {
  const bool runs = size.dimensions() == 1;
  const Grid box = runs ? grid : size.box(grid);
  std::vector<std::int64_t> index;
  index.reserve(static_cast<std::size_t>(grid[0] * grid[1] * grid[2]));
  for (std::int64_t t0 = 0; t0 < grid[0]; t0 += box[0])
    for (std::int64_t h0 = 0; h0 < grid[1]; h0 += box[1])
      for (std::int64_t w0 = 0; w0 < grid[2]; w0 += box[2])
        for (std::int64_t t = t0; t < t0 + box[0]; ++t)
          for (std::int64_t h = h0; h < h0 + box[1]; ++h)
            for (std::int64_t w = w0; w < w0 + box[2]; ++w) index.push_back((t * grid[1] + h) * grid[2] + w);
  return index;
}

/// The inverse: index[token] is the place of that raster token.
inline std::vector<std::int64_t> process_moba_output(const Grid& grid, const ChunkSize& size) {
  const std::vector<std::int64_t> input = process_moba_input(grid, size);
  std::vector<std::int64_t> index(input.size());
  for (std::size_t place = 0; place < input.size(); ++place)
    index[static_cast<std::size_t>(input[place])] = static_cast<std::int64_t>(place);
  return index;
}

}  // namespace fvattn::vmoba
