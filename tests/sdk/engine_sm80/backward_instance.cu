// The backward kernels of one head dim (FVATTN_HEAD_DIM) and one type (FVATTN_ELEMENT).
#include "instances.hpp"

#include <fvattn/engine/sm80/backward.cuh>

namespace fvattn::engine::sm80::test {

template <class Config, class Element, class Policy>
std::size_t backward_bytes(const BackwardArgs& args, const Policy& policy) {
  return backward_workspace_bytes<Config>(args, policy);
}
template <class Config, class Element, class Policy>
cudaError_t run_backward(const BackwardArgs& args, const Policy& policy, cudaStream_t stream) {
  return backward<Config, Element>(args, policy, stream);
}

#define FVATTN_INSTANCE(Config, Policy)                                                                  \
  template std::size_t backward_bytes<Config, FVATTN_ELEMENT>(const BackwardArgs&, const Policy&);       \
  template cudaError_t run_backward<Config, FVATTN_ELEMENT>(const BackwardArgs&, const Policy&, cudaStream_t)

FVATTN_INSTANCE(DenseBackward<FVATTN_HEAD_DIM>, DensePolicy<false>);
FVATTN_INSTANCE(DenseBackward<FVATTN_HEAD_DIM>, DensePolicy<true>);

}  // namespace fvattn::engine::sm80::test
