// The kernels of this build: one function an engine, direction, head dim and element type. CMake generates their
// definitions from *.cu.in and the list of head dims in instances.hpp.
#pragma once

#include "schedule.cuh"

#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>

namespace flash::gpu {

template <int kHeadDim, class Element>
cudaError_t sm80_forward(const fvattn::engine::sm80::ForwardArgs& args, const GpuSchedule& schedule, cudaStream_t stream);

/// args.workspace null: only *bytes is set, the workspace that the call needs.
template <int kHeadDim, class Element>
cudaError_t sm80_backward(const fvattn::engine::sm80::BackwardArgs& args, const GpuSchedule& schedule, cudaStream_t stream,
                          std::size_t* bytes);

/// Dense schedules only.
template <int kHeadDim, class Element>
cudaError_t sm90_forward(const fvattn::engine::sm90::ForwardArgs& args, bool causal, cudaStream_t stream);

/// What serves_sm90_backward accepts only; workspace as sm80_backward.
template <int kHeadDim, class Element>
cudaError_t sm90_backward(const fvattn::engine::sm80::BackwardArgs& args, const GpuSchedule& schedule, cudaStream_t stream,
                          std::size_t* bytes);

}  // namespace flash::gpu
