#include "torch_ops/arguments.hpp"

#include <c10/util/Exception.h>

namespace fvattn::torch_ops {

Arguments gather(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Text backend, std::optional<double> scale,
                 bool causal, const MaybeTensor& mask, Text options, const Names& extra_names, const MaybeTensors& extras) {
  const size_t names = extra_names ? extra_names->size() : 0, tensors = extras ? extras->size() : 0;
  TORCH_CHECK_VALUE(names == tensors, "fvattn::attention: extra_names and extras must have one length; got ", names,
                    " names and ", tensors, " tensors");
  Arguments all{{std::move(backend), scale, causal, std::move(options), {}}, {q, k, v}};
  const auto add = [&all](const std::string& name, const at::Tensor& tensor) {
    for (const std::string& known : all.settings.extra_names)
      TORCH_CHECK_VALUE(known != name, "fvattn::attention: the input '", name, "' came twice");
    all.settings.extra_names.push_back(name);
    all.tensors.push_back(tensor);
  };
  if (mask && mask->defined()) add("mask", *mask);
  for (size_t i = 0; i < names; ++i) add((*extra_names)[i], (*extras)[i]);
  return all;
}

}  // namespace fvattn::torch_ops
