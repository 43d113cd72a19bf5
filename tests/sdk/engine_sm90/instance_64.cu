#include "instance.cuh"

namespace fvattn::engine::sm90::test {

template <>
cudaError_t run_forward<64>(Type type, Kind kind, const ForwardArgs& args) {
  using Alone = ForwardConfig<64, 128, 3, 2, 4, 4, 1, true, 4>;
  using Cluster = ForwardConfig<64, 128, 2, 2, 4, 4, 2, true, 4>;
  using Causal = ForwardConfig<64, 128, 3, 2, 4, 4, 1, true, 4>;
  return run_typed<Alone, Cluster, Causal>(type, kind, args);
}

}  // namespace fvattn::engine::sm90::test
