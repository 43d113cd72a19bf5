// Which backward configuration of the sm80 engine has tiles of 64 at a head dim. Host code.
#pragma once

#include <fvattn/engine/sm80/heuristics.hpp>

namespace vsa::gpu {

/// Above head dim 128 the engine's usual one has them.
template <int kHeadDim>
struct BackwardConfig : fvattn::engine::sm80::Block64Backward<kHeadDim> {};
template <>
struct BackwardConfig<192> : fvattn::engine::sm80::DenseBackward<192> {};
template <>
struct BackwardConfig<256> : fvattn::engine::sm80::DenseBackward<256> {};

}  // namespace vsa::gpu
