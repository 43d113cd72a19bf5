// The backward kernels under test, each head dim in a file of its own.
#pragma once

#include "box_policy.hpp"
#include "test_tensor.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/walked_window.hpp>
#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm90/backward_config.hpp>

#include <cuda_runtime_api.h>

namespace fvattn::engine::sm90::test {

using sm80::BackwardArgs;
using sm80::test::BoxPolicy;
using sm80::test::Type;

template <int kHeadDim>
using Backward = BackwardConfig<kHeadDim, kHeadDim <= 64 ? 128 : 64, 128, 2>;

/// args.workspace null: only *bytes is set, what the call needs.
template <class Config, class Policy>
cudaError_t run_backward(Type type, const BackwardArgs& args, const Policy& policy, std::size_t* bytes);

}  // namespace fvattn::engine::sm90::test
