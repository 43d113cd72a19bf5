#include "run/tensor_file.hpp"

#include "io/safetensors/writer.hpp"

#include <ATen/ATen.h>

namespace fvattn::host {
namespace {

struct Mapping {
  const char* name;
  at::ScalarType type;
};

constexpr Mapping kMappings[] = {
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"BF16", at::kBFloat16},
    {"F16", at::kHalf},
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"I16", at::kShort},
    {"U16", at::kUInt16},
    {"I32", at::kInt},
    {"U32", at::kUInt32},
    {"I64", at::kLong},
    {"U64", at::kUInt64},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"C64", at::kComplexFloat},
};

}  // namespace

Result<at::Tensor> read_tensor(const safetensors::Reader& reader, const safetensors::Entry& entry) {
  for (const Mapping& mapping : kMappings) {
    if (std::string_view(mapping.name) != entry.dtype->name) continue;
    // A byte that is neither 0 nor 1 is no bool: taken as a number first.
    const bool is_bool = mapping.type == at::kBool;
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(is_bool ? at::kByte : mapping.type));
    if (Status status = reader.read(entry, tensor.data_ptr()); !status.ok()) return status;
    return is_bool ? tensor.ne(0) : tensor;
  }
  return Status::error(Code::failed_precondition,
                       reader.path() + ": tensor '" + entry.name + "' has a dtype that torch does not know",
                       entry.dtype->name);
}

Status write_tensors(const std::string& path, const Tensors& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> on_host;  // keeps the memory alive
  std::vector<safetensors::Source> sources;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& host = on_host.emplace_back(tensor.detach().to(at::kCPU).contiguous());
    const safetensors::Dtype* dtype = nullptr;
    for (const Mapping& mapping : kMappings)
      if (mapping.type == host.scalar_type()) dtype = safetensors::find_dtype(mapping.name);
    if (dtype == nullptr)
      return Status::error(Code::internal, "output '" + name + "' has a dtype that safetensors does not know",
                           at::toString(host.scalar_type()));
    sources.push_back({name, dtype, host.sizes().vec(), host.data_ptr()});
  }
  return safetensors::write(path, std::move(sources), metadata);
}

}  // namespace fvattn::host
