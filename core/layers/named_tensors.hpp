// Tensors by name, on their way into a call.
#pragma once

#include "tensor_bridge.hpp"

#include <c10/util/SmallVector.h>

#include <string>
#include <string_view>

namespace fvattn {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

/// The inputs of a call: what forward, backward and describe read. Readable by plugins (tensor_bridge.hpp).
struct Inputs {
  at::Tensor q, k, v;
  c10::SmallVector<NamedTensor, 2> extras;
};

/// The argument list of a call. Names and tensors must outlive it.
class ArgList {
 public:
  void add(std::string_view name, const at::Tensor& tensor) {
    args_.push_back({{name.data(), name.size()}, 0, 0, view_of(tensor)});
  }
  void add(const Inputs& inputs) {
    add("q", inputs.q);
    add("k", inputs.k);
    add("v", inputs.v);
    for (const NamedTensor& extra : inputs.extras) add(extra.name, extra.tensor);
  }
  const fvattn_arg* data() const { return args_.data(); }
  uint32_t size() const { return static_cast<uint32_t>(args_.size()); }

 private:
  c10::SmallVector<fvattn_arg, 12> args_;
};

}  // namespace fvattn
