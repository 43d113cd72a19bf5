// With a window over everything NEAR_ATTN is exact attention; with radius 0 each query gives the value of its own key; and
// describe must say what was attended.
#include <fvattn/testing.hpp>

using namespace fvattn::testing;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fvattn_backend& backend = Library(argv[1]).backend("NEAR_ATTN");
  fvattn_kv radius{};
  radius.key = fvattn::plugin::str("near_radius");
  radius.kind = FVATTN_I64;
  radius.count = 1;
  radius.v.i64 = 1000;
  Suite suite(backend);
  suite.meta({&radius, 1});
  for (const int64_t length : {1, 17, 100}) {
    suite.check({2, length, length, 4, 2, 40, 24, fvattn::plugin::kF32, false, 0, 8});
    suite.check({1, length, length, 2, 2, 64, 64, fvattn::plugin::kF64});
  }
  int failures = suite.report();

  const Case c{1, 9, 9, 1, 1, 8, 8, fvattn::plugin::kF64};
  std::mt19937_64 engine(std::random_device{}());
  Tensors qkv;
  for (const char* name : {"q", "k", "v"}) qkv.emplace(name, Tensor(c.dtype, {1, 9, 1, 8}).normal(engine));
  radius.v.i64 = 0;
  Session own(backend, c, 0, {&radius, 1});
  own.prepare();
  if (relative_l2(own.forward(qkv).at("o").values(), qkv["v"].values()) > 1e-12) ++failures, std::puts("FAIL radius 0");
  radius.v.i64 = 2;
  Session near(backend, c, 0, {&radius, 1});
  near.prepare();
  Tensors out{{"pairs", Tensor(fvattn::plugin::kI64, {})}};
  near.describe(qkv, out);
  if (out["pairs"].get(0) != 9 * 5 - 6) ++failures, std::puts("FAIL pairs of radius 2");
  return failures ? 1 : 0;
}
