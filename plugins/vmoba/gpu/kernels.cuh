// The attention kernels of this build: one function a form, direction, head dim and element type. CMake generates their
// definitions from *.cu.in and the list of head dims in instances.hpp.
#pragma once

#include "gather_lists.cuh"
#include "sm90_gradients.hpp"
#include "tile_choices.cuh"

#include <cuda_runtime_api.h>
#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/varlen.hpp>
#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm80/heuristics.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>

#include <type_traits>

namespace vmoba::gpu {

namespace sm80 = fvattn::engine::sm80;
namespace sm90 = fvattn::engine::sm90;

/// A step that attends everything; cu_seqlens (device memory) may be null.
struct Dense {
  int tokens;
  const int* cu_seqlens;
  int sequences;

  /// body(policy)
  template <class Body>
  auto visit(Body&& body) const {
    const engine::LinearMap rows{tokens};
    if (cu_seqlens != nullptr) return body(engine::VarlenPolicy<false>{rows, rows, cu_seqlens, cu_seqlens, sequences});
    return body(engine::DensePolicy<false>{rows, rows});
  }
};

/// Gathered rows fill tiles of any size; masked ones unite what 64 neighbours chose, and fewer chunks the fewer they are.
template <int kHeadDim>
using WideForward = sm80::DenseForward<kHeadDim>;
template <int kHeadDim>
using MaskedForward = sm80::Block64Forward<kHeadDim>;
/// One policy serves both kernels of a backward pass, so that their tiles must be alike: 64 x 64.
template <int kHeadDim>
using Backward = std::conditional_t<(kHeadDim <= 128), sm80::Block64Backward<kHeadDim>, sm80::DenseBackward<kHeadDim>>;

template <int kHeadDim, class Element>
cudaError_t dense_forward(const sm80::ForwardArgs& args, const Dense& dense, cudaStream_t stream);
template <int kHeadDim, class Element>
cudaError_t masked_forward(const sm80::ForwardArgs& args, const RowMask& policy, cudaStream_t stream);
template <int kHeadDim, class Element>
cudaError_t gathered_forward(const sm80::ForwardArgs& args, const Gather& policy, cudaStream_t stream);

/// Everything, without packed sequences; for the rest as the next.
template <int kHeadDim, class Element>
cudaError_t sm90_dense_forward(const sm90::ForwardArgs& args, cudaStream_t stream);

/// One batch entry, o and lse are the partial results; tile_kv: that of sm90_tiles (sm90_config.hpp). Head dims up to
/// kLargestSm90Dim, on a Hopper GPU.
template <int kHeadDim, class Element>
cudaError_t sm90_gathered_forward(const sm90::ForwardArgs& args, const Sm90Gather& policy, int tile_kv, cudaStream_t stream);

template <int kHeadDim, class Element>
cudaError_t dense_backward(const sm80::BackwardArgs& args, const Dense& dense, cudaStream_t stream);
template <int kHeadDim, class Element>
cudaError_t masked_backward(const sm80::BackwardArgs& args, const RowMask& policy, cudaStream_t stream);
template <int kHeadDim, class Element>
cudaError_t gathered_backward(const sm80::BackwardArgs& args, const Gather& policy, cudaStream_t stream);


/// One batch entry; args.workspace has Sm90BackwardSpace. Head dims up to kLargestSm90Dim, on a Hopper GPU.
template <int kHeadDim, class Element>
cudaError_t sm90_gathered_backward(const sm80::BackwardArgs& args, const Sm90Gradients& policy, cudaStream_t stream);

}  // namespace vmoba::gpu
