// The memory that a backward call needs. Host code.
#pragma once

#include <fvattn/engine/sm80/backward_args.hpp>

#include <cstddef>

namespace fvattn::engine::sm90 {

// Bytes of each part of the workspace.
struct BackwardWorkspace {
  std::size_t row_values = 0; // lse2; the same again for delta
  std::size_t d_q_sum = 0;
  std::size_t total() const { return 2 * row_values + d_q_sum; }
};

template <class Config, class Policy>
BackwardWorkspace backward_workspace(const sm80::BackwardArgs& args, const Policy& policy) {
  constexpr std::size_t kAlign = 256;
  const std::size_t rows = static_cast<std::size_t>(args.batch) * args.q_heads * args.q_rows;
  const std::size_t tiles = static_cast<std::size_t>(args.batch) * args.q_heads * policy.template q_tiles<Config>();
  return {(rows * sizeof(float) + kAlign - 1) / kAlign * kAlign, tiles * Config::kDqTileFloats * sizeof(float)};
}

// Bytes that args.workspace must have. Reads only sizes.
template <class Config, class Policy>
std::size_t backward_workspace_bytes(const sm80::BackwardArgs& args, const Policy& policy) {
  return sm90::backward_workspace<Config>(args, policy).total(); // qualified: the sm80 engine has one too
}

} // namespace fvattn::engine::sm90
