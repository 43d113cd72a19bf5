#include "core/support/contains.hpp"

#include <fvattn/metadata.hpp>

using namespace fvattn;

TEST_CASE("host tensors are contiguous and own their memory") {
  TensorValue copy;
  {
    const TensorValue tensor = TensorValue::host({2, 3}, std::vector<int32_t>{1, 2, 3, 4, 5, 6});
    copy = tensor;
    CHECK(&copy.view() == &tensor.view());
  }
  CHECK(copy.shape() == std::vector<int64_t>{2, 3});
  CHECK(copy.view().strides[0] == 3);
  CHECK(copy.view().strides[1] == 1);
  CHECK(copy.view().ndim == 2);
  CHECK(copy.view().dtype_code == FVATTN_DTYPE_INT);
  CHECK(static_cast<const int32_t*>(copy.view().data)[5] == 6);
}

TEST_CASE("scalars and empty tensors are tensors") {
  const TensorValue scalar = TensorValue::host({}, std::vector<double>{2.5});
  CHECK(scalar.view().ndim == 0);
  CHECK(*static_cast<const double*>(scalar.view().data) == 2.5);
  const TensorValue empty = TensorValue::host({0, 4}, std::vector<int32_t>{});
  CHECK(empty.view().strides[0] == 4);
}

TEST_CASE("the owner lives as long as the last copy") {
  auto owner = std::make_shared<std::vector<float>>(6);
  const std::weak_ptr<std::vector<float>> watch = owner;
  auto tensor = std::make_unique<TensorValue>(owner->data(), FVATTN_CPU, 0, FVATTN_DTYPE_FLOAT, 32,
                                              std::vector<int64_t>{2, 3}, std::vector<int64_t>{1, 2}, owner);
  owner.reset();
  const auto copy = std::make_unique<TensorValue>(*tensor);
  tensor.reset();
  CHECK_FALSE(watch.expired());
  CHECK(copy->view().strides[1] == 2);
}

TEST_CASE("a shape that does not fit is refused") {
  CHECK_THROWS_AS(TensorValue::host({2, 2}, std::vector<int32_t>{1, 2, 3}), Error);
  CHECK_THROWS_AS(TensorValue::host({-1}, std::vector<int32_t>{}), Error);
  // The product overflows to a small number.
  CHECK_THROWS_AS(TensorValue::host({int64_t{1} << 32, int64_t{1} << 32}, std::vector<double>{}), Error);
  CHECK_THROWS_AS(TensorValue(nullptr, FVATTN_CPU, 0, FVATTN_DTYPE_FLOAT, 32, {2, 3}, {1}, nullptr), Error);
}

TEST_CASE("without a view") {
  CHECK_FALSE(TensorValue().defined());
  CHECK(TensorValue().shape().empty());
}
