// The kernels under test, each head dim in a file of its own.
#pragma once

#include "test_tensor.hpp"

#include <fvattn/engine/sm90/forward_args.hpp>

#include <cuda_runtime_api.h>

namespace fvattn::engine::sm90::test {

using sm80::test::Type;

/// Which of a head dim's configurations: tiles of one CTA, of a cluster of two, or causal.
enum class Kind { alone, cluster, causal };

template <int kHeadDim>
cudaError_t run_forward(Type type, Kind kind, const ForwardArgs& args);

}  // namespace fvattn::engine::sm90::test
