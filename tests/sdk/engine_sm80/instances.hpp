// The kernels under test, instantiated in files of their own so that each compiles quickly.
#pragma once

#include "test_tensor.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm80/heuristics.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

namespace fvattn::engine::sm80::test {

/// Defined in forward_instance.cu for each head dim and type.
template <class Config, class Element, class Policy>
cudaError_t run_forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream);

template <class Config, class Policy>
cudaError_t run_forward(Type type, const ForwardArgs& args, const Policy& policy) {
  return type == Type::bfloat16 ? run_forward<Config, __nv_bfloat16>(args, policy, nullptr)
                                : run_forward<Config, __half>(args, policy, nullptr);
}

/// Defined in backward_instance.cu likewise.
template <class Config, class Element, class Policy>
std::size_t backward_bytes(const BackwardArgs& args, const Policy& policy);
template <class Config, class Element, class Policy>
cudaError_t run_backward(const BackwardArgs& args, const Policy& policy, cudaStream_t stream);

template <class Config, class Policy>
std::size_t backward_bytes(Type type, const BackwardArgs& args, const Policy& policy) {
  return type == Type::bfloat16 ? backward_bytes<Config, __nv_bfloat16>(args, policy)
                                : backward_bytes<Config, __half>(args, policy);
}
template <class Config, class Policy>
cudaError_t run_backward(Type type, const BackwardArgs& args, const Policy& policy) {
  return type == Type::bfloat16 ? run_backward<Config, __nv_bfloat16>(args, policy, nullptr)
                                : run_backward<Config, __half>(args, policy, nullptr);
}

}  // namespace fvattn::engine::sm80::test
