// The arguments of torch.ops.fvattn.attention, as one value.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace fvattn::torch_ops {

using Text = std::optional<std::string>;
using Names = std::optional<std::vector<std::string>>;
using MaybeTensor = std::optional<at::Tensor>;
using MaybeTensors = std::optional<std::vector<at::Tensor>>;

/// What the operator takes besides tensors.
struct Settings {
  Text backend;                 // the grammar of selector.hpp; none: scope and environment decide
  std::optional<double> scale;  // none: D^-0.5
  bool causal = false;
  Text options;                          // one JSON object with the keys of `fvattn run`
  std::vector<std::string> extra_names;  // of the further inputs, `mask` first if there is one
};

/// tensors: q, k, v, then one for each of settings.extra_names.
struct Arguments {
  Settings settings;
  std::vector<at::Tensor> tensors;
};

/// Checks the arguments that only together make sense. Throws ValueError.
Arguments gather(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Text backend, std::optional<double> scale,
                 bool causal, const MaybeTensor& mask, Text options, const Names& extra_names, const MaybeTensors& extras);

}  // namespace fvattn::torch_ops
