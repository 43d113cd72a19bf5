// Both directions of every policy beyond dense, for one head dim (64 or 128) and one type (FVATTN_ELEMENT).
#include "box_policy.hpp"
#include "instances.hpp"

#include <fvattn/engine/policies/gather.hpp>
#include <fvattn/engine/policies/key_padding.hpp>
#include <fvattn/engine/policies/list.hpp>
#include <fvattn/engine/policies/row_mask.hpp>
#include <fvattn/engine/policies/varlen.hpp>
#include <fvattn/engine/policies/window.hpp>
#include <fvattn/engine/sm80/backward.cuh>
#include <fvattn/engine/sm80/forward.cuh>

namespace fvattn::engine::sm80::test {

template <class Config, class Element, class Policy>
cudaError_t run_forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream) {
  return forward<Config, Element>(args, policy, stream);
}
template <class Config, class Element, class Policy>
std::size_t backward_bytes(const BackwardArgs& args, const Policy& policy) {
  return backward_workspace_bytes<Config>(args, policy);
}
template <class Config, class Element, class Policy>
cudaError_t run_backward(const BackwardArgs& args, const Policy& policy, cudaStream_t stream) {
  return backward<Config, Element>(args, policy, stream);
}

#define FVATTN_INSTANCE(Prefix, ...)                                                                                        \
  template cudaError_t run_forward<Prefix##Forward<FVATTN_HEAD_DIM>, FVATTN_ELEMENT>(const ForwardArgs&, const __VA_ARGS__&, \
                                                                                     cudaStream_t);                         \
  template std::size_t backward_bytes<Prefix##Backward<FVATTN_HEAD_DIM>, FVATTN_ELEMENT>(const BackwardArgs&,               \
                                                                                         const __VA_ARGS__&);               \
  template cudaError_t run_backward<Prefix##Backward<FVATTN_HEAD_DIM>, FVATTN_ELEMENT>(const BackwardArgs&,                 \
                                                                                       const __VA_ARGS__&, cudaStream_t)

FVATTN_INSTANCE(Block64, BoxPolicy);
FVATTN_INSTANCE(Block64, WindowPolicy);
FVATTN_INSTANCE(Block64, ListPolicy<LinearMap>);
FVATTN_INSTANCE(Block64, RowMaskPolicy<LinearMap, ChunkRunMap>);
FVATTN_INSTANCE(Block64, GatherPolicy<ChunkRunMap>);
FVATTN_INSTANCE(Dense, KeyPaddingPolicy<false>);
FVATTN_INSTANCE(Dense, KeyPaddingPolicy<true>);
FVATTN_INSTANCE(Dense, VarlenPolicy<false>);
FVATTN_INSTANCE(Dense, VarlenPolicy<true>);

}  // namespace fvattn::engine::sm80::test
