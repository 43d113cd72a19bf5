// The forward kernels of one head dim (FVATTN_HEAD_DIM) and one type (FVATTN_ELEMENT).
#include "instances.hpp"

#include <fvattn/engine/sm80/forward.cuh>

namespace fvattn::engine::sm80::test {

template <class Config, class Element, class Policy>
cudaError_t run_forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream) {
  return forward<Config, Element>(args, policy, stream);
}

#define FVATTN_INSTANCE(Config, Policy) \
  template cudaError_t run_forward<Config, FVATTN_ELEMENT>(const ForwardArgs&, const Policy&, cudaStream_t)

FVATTN_INSTANCE(DenseForward<FVATTN_HEAD_DIM>, DensePolicy<false>);
FVATTN_INSTANCE(DenseForward<FVATTN_HEAD_DIM>, DensePolicy<true>);

}  // namespace fvattn::engine::sm80::test
