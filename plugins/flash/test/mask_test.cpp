#include "flash_test.hpp"

using namespace flash_test;

namespace {

/// A random mask over keys: some batch entries without any key, some with runs, some with single keys.
Tensor random_mask(Dtype dtype, std::vector<int64_t> shape) {
  Tensor mask(dtype, std::move(shape));
  const int64_t rows = mask.shape().size() == 1 ? 1 : mask.shape()[0], keys = mask.shape().back();
  for (int64_t b = 0; b < rows; ++b) {
    const int64_t style = random_int(0, 3), from = random_int(0, keys - 1), to = random_int(from, keys);
    for (int64_t j = 0; j < keys; ++j) {
      const bool seen = style == 0 ? false : style == 1 ? j >= from && j < to : random_int(0, 2) > 0;
      mask.set(b * keys + j, !seen ? 0 : dtype == plugin::kBool ? 1 : static_cast<double>(random_int(1, 100)));
    }
  }
  return mask;
}

}  // namespace

TEST_CASE("key-padding masks of every accepted shape and type") {
  for (int trial = 0; trial < 40; ++trial) {
    const int64_t batch = random_int(1, 3), kv_len = random_int(1, 300);
    Case c{batch, random_int(1, 150), kv_len, 2, 1, 24, 16, trial % 2 ? plugin::kF32 : plugin::kF64, random_int(0, 1) == 1};
    const std::vector<int64_t> shapes[] = {{kv_len}, {batch, kv_len}, {batch, 1, 1, kv_len}, {1, kv_len}};
    constexpr Dtype dtypes[] = {plugin::kBool, plugin::kU8, plugin::kI32, plugin::kI64};
    const Tensor mask = random_mask(dtypes[random_int(0, 3)], shapes[trial % 4]);
    const int64_t rows = mask.shape().size() == 1 ? 1 : mask.shape()[0];
    c.visible = [&](int64_t b, int64_t, int64_t, int64_t j) { return mask.get((rows > 1 ? b : 0) * kv_len + j) != 0; };
    check(c, {{"mask", mask}});
  }
}

TEST_CASE("hidden keys are not read") {
  const Case c{1, 20, 90, 1, 1, 8, 8, plugin::kF32};
  Tensor mask(plugin::kBool, {90});
  for (int64_t j = 0; j < 90; ++j) mask.set(j, j % 3 == 0 ? 0 : 1);
  Session session(backend(), c, 0, {}, {}, {{"mask", mask}});
  session.prepare();
  Tensors in = random_inputs(c);
  for (int64_t j = 0; j < 90; j += 3)
    for (int64_t d = 0; d < 8; ++d) in.at("k").set(j * 8 + d, std::nan("")), in.at("v").set(j * 8 + d, std::nan(""));
  for (const double x : session.forward(in).at("o").values()) CHECK(std::isfinite(x));
}

TEST_CASE("other masks are refused") {
  const Case c{2, 5, 7, 2, 2, 8, 8, plugin::kF32};
  const auto answer = [&](const Tensor& mask) { return Session(backend(), c, 0, {}, {}, {{"mask", mask}}).query(); };
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 5, 7}, {2, 1, 5, 7}, {2, 2, 1, 7}, {6}, {3, 7}})
    CHECK(answer(Tensor(plugin::kBool, shape)).reasons == FVATTN_R_MASK);
  CHECK(answer(Tensor(plugin::kF32, {7})).reasons == FVATTN_R_MASK);
  CHECK(answer(Tensor(plugin::kBool, {7})).supported);
}
