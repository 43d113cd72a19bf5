#include "tensor_bridge.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <ATen/ops/from_blob.h>

#include <memory>
#include <utility>

namespace fvattn {
namespace {

constexpr uintptr_t kAlignment = 16;

constexpr std::pair<at::ScalarType, DlDtype> kDtypes[] = {
    {at::kFloat, {FVATTN_DTYPE_FLOAT, 32}}, {at::kBFloat16, {FVATTN_DTYPE_BFLOAT, 16}},
    {at::kHalf, {FVATTN_DTYPE_FLOAT, 16}},  {at::kDouble, {FVATTN_DTYPE_FLOAT, 64}},
    {at::kBool, {FVATTN_DTYPE_BOOL, 8}},    {at::kByte, {FVATTN_DTYPE_UINT, 8}},
    {at::kChar, {FVATTN_DTYPE_INT, 8}},     {at::kShort, {FVATTN_DTYPE_INT, 16}},
    {at::kInt, {FVATTN_DTYPE_INT, 32}},     {at::kLong, {FVATTN_DTYPE_INT, 64}},
};

at::Device device_of(const fvattn_tensor& view) {
  return view.device_type == FVATTN_CUDA ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(view.device_id))
                                         : at::Device(at::kCPU);
}

}  // namespace

std::optional<DlDtype> dl_dtype(at::ScalarType type) {
  for (const auto& [torch_type, dl] : kDtypes)
    if (torch_type == type) return dl;
  return std::nullopt;
}

std::optional<at::ScalarType> scalar_type(uint8_t code, uint8_t bits) {
  for (const auto& [torch_type, dl] : kDtypes)
    if (dl.code == code && dl.bits == bits) return torch_type;
  return std::nullopt;
}

fvattn_tensor view_of(const at::Tensor& tensor) {
  const DlDtype dtype = *dl_dtype(tensor.scalar_type());
  fvattn_tensor view{};
  view.data = const_cast<void*>(tensor.const_data_ptr());
  view.device_type = tensor.is_cuda() ? FVATTN_CUDA : FVATTN_CPU;
  view.device_id = tensor.is_cuda() ? tensor.device().index() : 0;
  view.ndim = static_cast<int32_t>(tensor.dim());
  view.dtype_code = dtype.code;
  view.dtype_bits = dtype.bits;
  view.dtype_lanes = 1;
  view.shape = const_cast<int64_t*>(tensor.sizes().data());
  view.strides = const_cast<int64_t*>(tensor.strides().data());
  return view;
}

Spec spec_of(std::string name, const at::Tensor& tensor) {
  const DlDtype dtype = *dl_dtype(tensor.scalar_type());
  return {std::move(name), dtype.code, dtype.bits, tensor.sizes().vec()};
}

at::Tensor readable(const at::Tensor& tensor, uint64_t& copies) {
  const bool aligned = reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % kAlignment == 0;
  const int64_t last = tensor.dim() - 1;
  if (aligned && (last < 0 || tensor.stride(last) == 1)) return tensor;
  if (aligned && tensor.size(last) == 1) {  // the stride of one element means nothing
    std::vector<int64_t> strides = tensor.strides().vec();
    strides.back() = 1;
    return tensor.as_strided(tensor.sizes(), strides, tensor.storage_offset());
  }
  ++copies;
  return tensor.clone(at::MemoryFormat::Contiguous);
}

TensorValue to_value(const at::Tensor& tensor) {
  const bool usable = tensor.defined() && tensor.layout() == at::kStrided && dl_dtype(tensor.scalar_type()).has_value() &&
                      (tensor.is_cpu() || tensor.is_cuda());
  if (!usable)
    throw Error(Status::error(Code::invalid_argument, "a metadata value must be a dense tensor on cpu or cuda",
                              tensor.defined() ? tensor.toString() : "undefined",
                              "float64, float32, bfloat16, float16, bool, uint8, int8, int16, int32, int64"));
  const fvattn_tensor view = view_of(tensor);
  return TensorValue(view.data, view.device_type, view.device_id, view.dtype_code, view.dtype_bits, tensor.sizes().vec(),
                     tensor.strides().vec(), std::make_shared<const at::Tensor>(tensor));
}

at::Tensor to_tensor(const TensorValue& value) {
  const auto type = value.defined() ? scalar_type(value.view().dtype_code, value.view().dtype_bits) : std::nullopt;
  if (!type)
    throw Error(
        Status::error(Code::invalid_argument, "this metadata value is no tensor that torch has", to_string(Value(value))));
  const fvattn_tensor& view = value.view();
  const at::Device device = device_of(view);
  return at::for_blob(static_cast<char*>(view.data) + view.byte_offset, {view.shape, static_cast<size_t>(view.ndim)})
      .strides(at::IntArrayRef(view.strides, static_cast<size_t>(view.ndim)))
      .deleter([value](void*) {})
      .options(at::TensorOptions().dtype(*type).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace fvattn
