// Torch tensors from and to safetensors files.
#pragma once

#include "io/safetensors/reader.hpp"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace fvattn::host {

using Tensors = std::map<std::string, at::Tensor>;

/// On the CPU, contiguous.
Result<at::Tensor> read_tensor(const safetensors::Reader& reader, const safetensors::Entry& entry);
/// Copies tensors to the host and writes them, whole or not at all.
Status write_tensors(const std::string& path, const Tensors& tensors, const std::map<std::string, std::string>& metadata);

}  // namespace fvattn::host
