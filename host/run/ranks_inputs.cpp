// Inputs in words, for ranks that do not read the file.
#include "ranks/tensor_moves.hpp"
#include "run/ranks_call.hpp"

#include <sstream>

namespace fvattn::host {
namespace {

constexpr const char* kTensor = "tensor ";

}  // namespace

Ranks::Facts facts_of(const Inputs& in) {
  Ranks::Facts facts;
  for (const auto& [name, tensor] : all_tensors(in)) {
    std::string text = std::to_string(static_cast<int>(tensor.scalar_type()));
    for (const int64_t size : tensor.sizes()) text += " " + std::to_string(size);
    facts[kTensor + name] = text;
  }
  return facts;
}

Inputs inputs_like(const Ranks::Facts& facts, at::Device device) {
  Tensors tensors;
  for (const auto& [name, text] : facts) {
    if (!name.starts_with(kTensor)) continue;
    std::istringstream words(text);
    int dtype = 0;
    words >> dtype;
    std::vector<int64_t> sizes;
    for (int64_t size = 0; words >> size;) sizes.push_back(size);
    tensors[name.substr(std::string_view(kTensor).size())] = shape_only(sizes, static_cast<at::ScalarType>(dtype), device);
  }
  return inputs_of(std::move(tensors));
}

}  // namespace fvattn::host
