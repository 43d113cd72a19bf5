// Defines run_policy of policy_instances.hpp for one head dim.
#pragma once

#include "policy_instances.hpp"

#include <fvattn/engine/sm90/forward_launch.cuh>

namespace fvattn::engine::sm90::test {

template <class Config, class Policy>
cudaError_t run_policy(Type type, const ForwardArgs& args, const Policy& policy) {
  return type == Type::bfloat16 ? launch_forward<Config, __nv_bfloat16>(args, policy, false, nullptr)
                                : launch_forward<Config, __half>(args, policy, false, nullptr);
}

#define FVATTN_INSTANCE(Config, Policy) template cudaError_t run_policy<Config, Policy>(Type, const ForwardArgs&, const Policy&)
#define FVATTN_INSTANCES(kHeadDim)                        \
  FVATTN_INSTANCE(Blocks<kHeadDim>, BoxPolicy);             \
  FVATTN_INSTANCE(Blocks<kHeadDim>, ListPolicy<LinearMap>); \
  FVATTN_INSTANCE(Blocks<kHeadDim>, ListPolicy<BoxMap>);    \
  FVATTN_INSTANCE(Blocks<kHeadDim>, WalkedWindowPolicy);          \
  FVATTN_INSTANCE(Windows<kHeadDim>, WalkedWindowPolicy)

}  // namespace fvattn::engine::sm90::test
