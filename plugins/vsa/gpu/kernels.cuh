// The attention kernels of this build: one function a direction, head dim and element type. CMake generates their
// definitions from *.cu.in and the list of head dims in instances.hpp. A further engine is a further function of the same
// arguments; forward.cu and backward.cu choose.
#pragma once

#include "blocks_policy.hpp"
#include "sm90_config.hpp"

#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>

#include <cuda_runtime_api.h>

namespace vsa::gpu {

namespace sm80 = engine::sm80;
namespace sm90 = engine::sm90;

struct CoarseAddend;
struct MeanAddend;

/// Query rows and keys of the engine's tiles, all head dims.
inline constexpr int kTile = 64;

template <int kHeadDim, class Element>
cudaError_t sm80_forward(const sm80::ForwardArgs& args, const BlocksPolicy& policy, const CoarseAddend& add,
                         cudaStream_t stream);

/// Calls that serves_sm90_forward accepts, head dims up to kLargestSm90Dim. handed_out: a word of the workspace.
template <int kHeadDim, class Element>
cudaError_t sm90_forward(const sm90::ForwardArgs& args, const Sm90Policy& policy, const CoarseAddend& add, int* handed_out,
                         cudaStream_t stream);

/// Deterministic. d_means: of q, k and v.
template <int kHeadDim, class Element>
cudaError_t sm80_backward(const sm80::BackwardArgs& args, const BlocksPolicy& policy, const MeanAddend (&d_means)[3],
                          cudaStream_t stream);

/// Bytes of args.workspace; reads sizes alone.
std::size_t sm80_backward_bytes(const sm80::BackwardArgs& args);

/// Calls that serves_sm90_backward accepts, head dims with kHasSm90Backward. d_q by atomics.
template <int kHeadDim, class Element>
cudaError_t sm90_backward(const sm80::BackwardArgs& args, const Sm90Policy& policy, const MeanAddend (&d_means)[3],
                          cudaStream_t stream);

}  // namespace vsa::gpu
