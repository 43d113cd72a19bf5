// The bench's candidates, bf16, dense.
#include "bench_configs.hpp"

#include <fvattn/engine/sm80/forward.cuh>

namespace fvattn::engine::sm80::test {

template <class Config, class Element, class Policy>
cudaError_t run_forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream) {
  return forward<Config, Element>(args, policy, stream);
}

template <class T>
struct Unwrap;
template <class T>
struct Unwrap<void(T)> {
  using type = T;
};
#define FVATTN_INSTANCE(Config)                                                                                         \
  template cudaError_t run_forward<Unwrap<void Config>::type, __nv_bfloat16>(const ForwardArgs&, const DensePolicy<false>&, \
                                                                             cudaStream_t);
FVATTN_FORWARD_CANDIDATES(FVATTN_INSTANCE)

}  // namespace fvattn::engine::sm80::test
