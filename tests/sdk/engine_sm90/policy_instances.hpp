// Policies whose tiles are blocks, on the configurations meant for them.
#pragma once

#include "box_policy.hpp"
#include "test_tensor.hpp"

#include <fvattn/engine/policies/list.hpp>
#include <fvattn/engine/policies/walked_window.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>

#include <cuda_runtime_api.h>

namespace fvattn::engine::sm90::test {

using sm80::test::BoxPolicy;
using sm80::test::Type;

/// One block a CTA, two CTAs an SM: each block has keys of its own.
template <int kHeadDim>
using Blocks = ForwardConfig<kHeadDim, 64, 1, 1, kHeadDim == 64 ? 4 : 3, kHeadDim == 64 ? 4 : 3, 1, false, 0, 2, 72>;
/// Boxes of 128 tokens, whose two consumers share their keys.
template <int kHeadDim>
using Windows = ForwardConfig<kHeadDim, 128, 2, 2, 3, 2, 1, true, 4, 1, 64>;

/// Defined in policy_instance_*.cu.
template <class Config, class Policy>
cudaError_t run_policy(Type type, const ForwardArgs& args, const Policy& policy);

}  // namespace fvattn::engine::sm90::test
