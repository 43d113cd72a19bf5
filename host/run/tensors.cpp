#include "run/tensors.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>
#include <set>

namespace fvattn::host {
namespace {

struct KnownNames {
  std::set<std::string> inputs, metadata;
};

KnownNames names_of_backends(Registry& registry) {
  KnownNames known;
  for (const std::string& name : registry.backend_names()) {
    const Result<const AttentionBackend*> backend = registry.find(name);
    if (!backend) continue;  // it cannot serve; the selection says why if it is asked for
    for (const TensorKey& key : (*backend)->tensor_keys()) known.inputs.insert(key.name);
    for (const SchemaKey& key : (*backend)->metadata_schema().keys())
      if ((key.kinds >> FVATTN_TENSOR & 1u) != 0) known.metadata.insert(key.name);
  }
  return known;
}

// The contract's names that every backend with such an input gives the same place.
bool is_contract_input(const std::string& name) {
  return name == "mask" || name == "gate_compress" || name == "cu_seqlens_q" || name == "cu_seqlens_k";
}

}  // namespace

Result<SortedTensors> sort_tensors(const Tensors& others, Registry& registry) {
  SortedTensors sorted;
  std::optional<KnownNames> known;
  for (const auto& [name, tensor] : others) {
    if (is_contract_input(name)) {
      sorted.extras.emplace(name, tensor);
      continue;
    }
    if (!known) known = names_of_backends(registry);
    const bool in_contract =
        std::find(contract_tensors().begin(), contract_tensors().end(), name) != contract_tensors().end();
    if (known->metadata.count(name) != 0 && known->inputs.count(name) == 0) {
      sorted.metadata.emplace(name, tensor);
    } else if (known->inputs.count(name) != 0 || in_contract) {
      sorted.extras.emplace(name, tensor);
    } else {
      std::vector<std::string> names = contract_tensors();
      for (const std::set<std::string>* more : {&known->inputs, &known->metadata})
        for (const std::string& one : *more)
          if (std::find(names.begin(), names.end(), one) == names.end()) names.push_back(one);
      std::string accepted;
      for (const std::string& one : names) accepted += (accepted.empty() ? "" : ", ") + one;
      const std::string near = nearest_name(name, names);
      return Status::error(Code::failed_precondition, "the input holds a tensor that no backend knows", name, accepted,
                           near.empty() ? std::string() : "did you mean '" + near + "'?");
    }
  }
  return sorted;
}

}  // namespace fvattn::host
