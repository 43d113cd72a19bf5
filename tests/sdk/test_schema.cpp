#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>

#include <cmath>

using namespace fvattn::plugin;

namespace {
Schema sample() {
  return Schema()
      .required("grid", kTakesI64s | kTakesTensor, "the grid")
      .optional("window", kTakesI64s, "no window means all")
      .key("count", 3, "an integer")
      .key("share", 0.25, "a number", FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP)
      .also(kTakesF64s)
      .key("flag", false, "a bool", 0)
      .key("mode", "auto", "a string")
      .key("tile", {4, 5, 6}, "integers")
      .key("steps", {}, "none by default")
      .key("weights", std::vector<double>{0.5, 1.5}, "numbers");
}
fvattn_kv kv(const char* name, int32_t kind, uint64_t count = 1) {
  fvattn_kv value{};
  value.key = str(name);
  value.kind = kind;
  value.count = count;
  return value;
}
} // namespace

TEST_CASE("the table carries kinds, defaults, flags and docs, and copies keep the lists") {
  const Schema copy = [] {
    const Schema original = sample();
    return Schema(original);
  }();
  REQUIRE(copy.size() == 9);
  const fvattn_meta_key* k = copy.data();
  CHECK(view(k[0].dflt.key) == "grid");
  CHECK((k[0].dflt.flags & FVATTN_KEY_REQUIRED) != 0);
  CHECK(k[0].dflt.kind == FVATTN_I64S);
  CHECK(k[0].dflt.v.i64s == nullptr);
  CHECK(k[0].kinds == (kTakesI64s | kTakesTensor));
  CHECK(k[1].dflt.kind == 0); // no default
  CHECK(k[2].dflt.v.i64 == 3);
  CHECK(k[3].dflt.v.f64 == 0.25);
  CHECK(k[3].kinds == (kTakesF64 | kTakesF64s));
  CHECK((k[3].dflt.flags & FVATTN_KEY_PER_STEP) != 0);
  CHECK(k[4].dflt.kind == FVATTN_BOOL);
  CHECK(k[4].dflt.flags == 0);
  CHECK(std::string(k[5].dflt.v.str, k[5].dflt.count) == "auto");
  REQUIRE(k[6].dflt.count == 3);
  CHECK(k[6].dflt.v.i64s[2] == 6);
  CHECK(k[7].dflt.count == 0);
  CHECK(k[7].dflt.v.i64s != nullptr); // an empty list is a default, a null pointer is none
  CHECK(k[8].dflt.v.f64s[1] == 1.5);
  CHECK(view(k[8].doc) == "numbers");
}

TEST_CASE("key-values are read with the conversions that the kinds allow") {
  const int64_t integers[] = {1, 2, 3};
  int64_t shape[] = {2}, strides[] = {1};
  int32_t elements[] = {7, 8};
  fvattn_tensor tensor{elements, FVATTN_CPU, 0, 1, FVATTN_DTYPE_INT, 32, 1, shape, strides, 0};
  std::vector<fvattn_kv> all{kv("i", FVATTN_I64), kv("d", FVATTN_F64), kv("b", FVATTN_BOOL), kv("s", FVATTN_STR, 2),
                             kv("l", FVATTN_I64S, 3), kv("t", FVATTN_TENSOR), kv("big", FVATTN_I64)};
  all[0].v.i64 = -4, all[1].v.f64 = 0.5, all[2].v.i64 = 1, all[3].v.str = "hi", all[4].v.i64s = integers;
  all[5].v.tensor = &tensor, all[6].v.i64 = int64_t{1} << 40;
  const KeyValues values({all.data(), all.size()});
  CHECK(values.get<int64_t>("i") == -4);
  CHECK(values.get<int32_t>("i") == -4);
  CHECK(values.get<double>("i") == -4.0);
  CHECK(values.get<bool>("b"));
  CHECK(values.get<std::string>("s") == "hi");
  CHECK(values.get<std::vector<double>>("l") == std::vector<double>{1, 2, 3});
  CHECK(values.get<std::array<int64_t, 3>>("l")[2] == 3);
  CHECK(host_data<int32_t>(*values.get<const fvattn_tensor*>("t"), "t")[1] == 8);
  CHECK(values.get<double>("absent", 9.0) == 9.0);
  CHECK(values.kind("l") == FVATTN_I64S);
  CHECK(values.kind("absent") == 0);
  CHECK_THROWS_AS(values.get<int64_t>("d"), Error); // 0.5 is no integer
  CHECK_THROWS_AS(values.get<int32_t>("big"), Error);
  CHECK_THROWS_AS(values.get<bool>("i"), Error);
  CHECK_THROWS_AS((values.get<std::array<int64_t, 2>>("l")), Error);
  CHECK_THROWS_WITH(values.get<int64_t>("absent"), "the key absent is missing");
  CHECK_THROWS_AS(host_data<int64_t>(tensor, "t"), Error);
  tensor.device_type = FVATTN_CUDA;
  CHECK_THROWS_AS(host_data<int32_t>(tensor, "t"), Error);
}

TEST_CASE("dtypes") {
  CHECK(dtype_bit(kBF16) == FVATTN_DT_BF16);
  CHECK(dtype_bit(Dtype{9, 3}) == 0);
  CHECK(to_string(kF16) == "float16");
  CHECK(to_string(Dtype{9, 3}) == "dtype 9:3");
  CHECK(dtype_of<int32_t>() == kI32);
  CHECK(dtype_of<const double>() == kF64);
  CHECK(dtype_of<unsigned char>() == kU8);
}
