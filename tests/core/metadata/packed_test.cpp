#include <fvattn/metadata.hpp>

#include <doctest/doctest.h>

#include <string_view>

using namespace fvattn;

namespace {
std::string_view text(fvattn_str s) { return {s.p, s.n}; }

const fvattn_kv& at(const fvattn_kvs& kvs, std::string_view key) {
  for (size_t i = 0; i < kvs.n; ++i)
    if (text(kvs.p[i].key) == key) return kvs.p[i];
  FAIL("key is missing: " << std::string(key));
  return kvs.p[0];
}
}  // namespace

TEST_CASE("every kind is packed as the ABI says, pointing into the source") {
  const KeyValues source = {{"bool", true},
                            {"f64", 0.5},
                            {"f64s", std::vector<double>{1.5, 2.5}},
                            {"i64", int64_t{-7}},
                            {"i64s", std::vector<int64_t>{3, 4, 5}},
                            {"none", std::vector<int64_t>{}},
                            {"str", std::string("name")},
                            {"tensor", TensorValue::host({2}, std::vector<int32_t>{8, 9})}};
  const PackedKeyValues packed(source);
  const fvattn_kvs kvs = packed.c();
  REQUIRE(kvs.n == source.size());
  CHECK(at(kvs, "bool").kind == FVATTN_BOOL);
  CHECK(at(kvs, "bool").v.i64 == 1);
  CHECK(at(kvs, "f64").v.f64 == 0.5);
  CHECK(at(kvs, "f64").count == 1);
  CHECK(at(kvs, "f64s").count == 2);
  CHECK(at(kvs, "f64s").v.f64s == std::get<std::vector<double>>(source.at("f64s")).data());
  CHECK(at(kvs, "i64").v.i64 == -7);
  CHECK(at(kvs, "i64s").v.i64s[2] == 5);
  CHECK(at(kvs, "none").kind == FVATTN_I64S);
  CHECK(at(kvs, "none").count == 0);
  CHECK(std::string(at(kvs, "str").v.str) == "name");
  CHECK(at(kvs, "str").count == 4);
  CHECK(at(kvs, "tensor").v.tensor == &std::get<TensorValue>(source.at("tensor")).view());
  for (size_t i = 0; i < kvs.n; ++i) CHECK(kvs.p[i].flags == 0);
}

TEST_CASE("nothing packs to nothing") {
  const KeyValues empty;
  CHECK(PackedKeyValues(empty).c().n == 0);
}

TEST_CASE("a tensor without memory packs as a null pointer") {
  const KeyValues source = {{"t", TensorValue()}};
  const PackedKeyValues packed(source);
  CHECK(packed.c().p[0].kind == FVATTN_TENSOR);
  CHECK(packed.c().p[0].v.tensor == nullptr);
}

TEST_CASE("strings with zeros inside keep their length") {
  const KeyValues source = {{"s", std::string("a\0b", 3)}};
  CHECK(PackedKeyValues(source).c().p[0].count == 3);
}
