// TORCH_SDPA through its C table against a float64 reference, run by ctest with the path of the plugin. tests/core/layers
// sweeps it through LocalAttention; here a part of the SDK's own sweep, with its poisoned outputs and guarded workspace.
#include <fvattn/testing.hpp>

using namespace fvattn;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  testing::Suite suite(argv[1], "TORCH_SDPA");
  for (const plugin::Dtype dtype : {plugin::kF64, plugin::kF32, plugin::kF16, plugin::kBF16})
    for (const int32_t dim : {8, 72, 256})
      for (const auto& [q_len, kv_len] : {std::pair<int64_t, int64_t>{1, 1}, {7, 63}, {33, 32}, {40, 11}})
        for (const int32_t kv_heads : {1, 4})
          for (const bool causal : {false, true}) {
            testing::Case c{1 + q_len % 2, q_len, kv_len, 4, kv_heads, dim, dim, dtype, causal};
            c.gap = kv_len % 2 ? 8 : 0;
            suite.check(c);
          }
  return suite.report();
}
