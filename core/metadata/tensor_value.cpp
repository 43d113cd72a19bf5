#include <fvattn/metadata.hpp>

#include <algorithm>

namespace fvattn {

struct TensorValue::Storage {
  fvattn_tensor view{};
  std::vector<int64_t> shape, strides;
  std::shared_ptr<const void> owner;
};

namespace {

std::vector<int64_t> contiguous_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

template <class T>
void check_count(const std::vector<int64_t>& shape, const std::vector<T>& values) {
  int64_t count = 1;
  bool fine = true;
  for (const int64_t length : shape) fine = fine && length >= 0 && !__builtin_mul_overflow(count, length, &count);
  if (!fine || static_cast<uint64_t>(count) != values.size())
    throw Error(Status::error(Code::invalid_argument, "a host tensor's shape must hold as many elements as there are values",
                              to_string(Value(shape)) + " for " + std::to_string(values.size()) + " values"));
}

}  // namespace

TensorValue::TensorValue(void* data, int device_type, int device_id, uint8_t dtype_code, uint8_t dtype_bits,
                         std::vector<int64_t> shape, std::vector<int64_t> strides, std::shared_ptr<const void> owner) {
  if (!strides.empty() && strides.size() != shape.size())
    throw Error(Status::error(Code::invalid_argument, "a tensor needs one stride for each dimension",
                              std::to_string(strides.size()) + " strides, shape " + to_string(Value(shape))));
  auto storage = std::make_shared<Storage>();
  storage->strides = strides.empty() ? contiguous_strides(shape) : std::move(strides);
  storage->shape = std::move(shape);
  storage->owner = std::move(owner);
  storage->view = {data,       device_type, device_id, static_cast<int32_t>(storage->shape.size()),
                   dtype_code, dtype_bits,  1,         storage->shape.data(),
                   storage->strides.data(), 0};
  view_ = &storage->view;
  storage_ = std::move(storage);
}

TensorValue TensorValue::host(std::vector<int64_t> shape, std::vector<int32_t> values) {
  check_count(shape, values);
  const auto memory = std::make_shared<std::vector<int32_t>>(std::move(values));
  return TensorValue(memory->data(), FVATTN_CPU, 0, FVATTN_DTYPE_INT, 32, std::move(shape), {}, memory);
}

TensorValue TensorValue::host(std::vector<int64_t> shape, std::vector<double> values) {
  check_count(shape, values);
  const auto memory = std::make_shared<std::vector<double>>(std::move(values));
  return TensorValue(memory->data(), FVATTN_CPU, 0, FVATTN_DTYPE_FLOAT, 64, std::move(shape), {}, memory);
}

const std::vector<int64_t>& TensorValue::shape() const {
  static const std::vector<int64_t> none;
  return storage_ == nullptr ? none : storage_->shape;
}

}  // namespace fvattn
