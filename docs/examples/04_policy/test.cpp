// SLIDING_WINDOW_ATTN against the float64 reference with the window as a mask; run by ctest with the path of the plugin.
#include <fvattn/testing.hpp>

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Library library(argv[1]);
  Suite suite(library.backend("SLIDING_WINDOW_ATTN"));
  for (const int64_t radius : {2, 3, 64, 100}) {
    fvattn_kv key{};
    key.key = plugin::str("radius");
    key.kind = FVATTN_I64;
    key.count = 1;
    key.v.i64 = radius;
    suite.meta({&key, 1});
    for (const int64_t q_len : {1, 63, 130, 300}) {
      Case c{2, q_len, 130, 4, 2, 24, 24, plugin::kF32};
      c.visible = [radius](int64_t, int64_t, int64_t i, int64_t j) { return std::abs(i - j) <= radius; };
      suite.check(c);
    }
  }
  return suite.report();
}
