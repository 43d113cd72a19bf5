#include <fvattn/metadata.hpp>

#include <doctest/doctest.h>

using namespace fvattn;

TEST_CASE("the alternatives of a value are the kinds of the C ABI") {
  CHECK(kind_of(int64_t{1}) == FVATTN_I64);
  CHECK(kind_of(1.0) == FVATTN_F64);
  CHECK(kind_of(true) == FVATTN_BOOL);
  CHECK(kind_of(std::string("x")) == FVATTN_STR);
  CHECK(kind_of(std::vector<int64_t>{1}) == FVATTN_I64S);
  CHECK(kind_of(std::vector<double>{1}) == FVATTN_F64S);
  CHECK(kind_of(TensorValue()) == FVATTN_TENSOR);
  CHECK(std::string(kind_name(FVATTN_F64S)) == "list of number");
  CHECK(std::string(kind_name(99)) == "unknown kind");
}

TEST_CASE("values read well in messages") {
  CHECK(to_string(Value(int64_t{-3})) == "-3");
  CHECK(to_string(Value(0.1)) == "0.1");
  CHECK(to_string(Value(false)) == "false");
  CHECK(to_string(Value(std::string("a b"))) == "\"a b\"");
  CHECK(to_string(Value(std::vector<int64_t>{1, 2})) == "[1, 2]");
  CHECK(to_string(Value(std::vector<double>{})) == "[]");
  CHECK(to_string(Value(std::vector<int64_t>(100, 7))) == "[7, 7, 7, 7, 7, 7, 7, 7, ... 100 in all]");
  CHECK(to_string(Value(TensorValue())) == "tensor without memory");
  CHECK(to_string(Value(TensorValue::host({2, 3}, std::vector<int32_t>(6)))) == "tensor int32 [2, 3]");
}
