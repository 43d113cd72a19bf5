// Defines run_backward of backward_instances.hpp for one head dim.
#pragma once

#include "backward_instances.hpp"

#include <fvattn/engine/sm90/backward_launch.cuh>

namespace fvattn::engine::sm90::test {

template <class Config, class Policy>
cudaError_t run_backward(Type type, const BackwardArgs& args, const Policy& policy, std::size_t* bytes) {
  if (args.workspace == nullptr) {
    *bytes = backward_workspace_bytes<Config>(args, policy);
    return cudaSuccess;
  }
  return type == Type::bfloat16 ? backward<Config, __nv_bfloat16>(args, policy, nullptr)
                                : backward<Config, __half>(args, policy, nullptr);
}

#define FVATTN_INSTANCE(Config, Policy) \
  template cudaError_t run_backward<Config, Policy>(Type, const BackwardArgs&, const Policy&, std::size_t*)
#define FVATTN_INSTANCES(kHeadDim)                         \
  FVATTN_INSTANCE(Backward<kHeadDim>, DensePolicy<false>); \
  FVATTN_INSTANCE(Backward<kHeadDim>, DensePolicy<true>);  \
  FVATTN_INSTANCE(Backward<kHeadDim>, BoxPolicy);          \
  FVATTN_INSTANCE(Backward<kHeadDim>, WalkedWindowPolicy)

}  // namespace fvattn::engine::sm90::test
