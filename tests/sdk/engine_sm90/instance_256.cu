#include "instance.cuh"

namespace fvattn::engine::sm90::test {

template <>
cudaError_t run_forward<256>(Type type, Kind kind, const ForwardArgs& args) {
  using Alone = ForwardConfig<256, 80, 2, 1, 2, 2, 1, true, 2>;
  using Cluster = ForwardConfig<256, 80, 2, 1, 2, 2, 2, true, 2>;
  using Causal = ForwardConfig<256, 80, 2, 1, 2, 2, 1, true, 2>;
  return run_typed<Alone, Cluster, Causal>(type, kind, args);
}

}  // namespace fvattn::engine::sm90::test
