#include "instance.cuh"

namespace fvattn::engine::sm90::test {

template <>
cudaError_t run_forward<128>(Type type, Kind kind, const ForwardArgs& args) {
  using Alone = ForwardConfig<128, 80, 3, 2, 3, 3, 1, true, 2>;
  using Cluster = ForwardConfig<128, 128, 2, 2, 3, 2, 2, true, 4>;
  using Causal = ForwardConfig<128, 80, 3, 2, 3, 3, 1, true, 2, 1, 40>;
  return run_typed<Alone, Cluster, Causal>(type, kind, args);
}

}  // namespace fvattn::engine::sm90::test
