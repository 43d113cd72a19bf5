// Defines run_forward of instances.hpp for configurations Alone, Cluster and Causal.
#pragma once

#include "instances.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/sm90/forward_launch.cuh>

namespace fvattn::engine::sm90::test {

template <class Alone, class Cluster, class Causal, class Element>
cudaError_t run_as(Kind kind, const ForwardArgs& args) {
  const LinearMap q{args.q_tokens}, kv{args.kv_tokens};
  switch (kind) {
    case Kind::alone: return launch_forward<Alone, Element>(args, DensePolicy<false>{q, kv}, false, nullptr);
    case Kind::cluster: return launch_forward<Cluster, Element>(args, DensePolicy<false>{q, kv}, false, nullptr);
    case Kind::causal: break;
  }
  return launch_forward<Causal, Element>(args, DensePolicy<true>{q, kv}, true, nullptr);
}

template <class Alone, class Cluster, class Causal>
cudaError_t run_typed(Type type, Kind kind, const ForwardArgs& args) {
  return type == Type::bfloat16 ? run_as<Alone, Cluster, Causal, __nv_bfloat16>(kind, args)
                                : run_as<Alone, Cluster, Causal, __half>(kind, args);
}

}  // namespace fvattn::engine::sm90::test
