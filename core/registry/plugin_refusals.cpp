#include "plugin_refusals.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>
#include <iterator>

namespace fvattn {
namespace {

const TensorKey* find_key(const std::vector<TensorKey>& keys, const std::string& name) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const TensorKey& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

// The sequence boundaries of a VARLEN problem belong to the problem, not to a backend's schema.
bool belongs_to_problem(const Problem& problem, const std::string& name) {
  return (problem.flags & FVATTN_PROBLEM_VARLEN) != 0 && (name == "cu_seqlens_q" || name == "cu_seqlens_k");
}

void refuse(Support& support, uint64_t reason, std::string text) {
  support.reasons |= reason;
  support.notes.push_back({reason, std::move(text)});
}

std::string names_of(const std::vector<TensorKey>& keys) {
  std::string text;
  for (const TensorKey& key : keys) text += (text.empty() ? "" : ", ") + key.name;
  return text.empty() ? "none" : text;
}

void check_tensor(const std::vector<TensorKey>& keys, const Problem& problem, const Spec& spec, Support& support) {
  if (spec.shape.size() > std::size(fvattn_spec{}.dim))
    return refuse(support, FVATTN_R_SHAPE, "input '" + spec.name + "' has more than 8 dimensions");
  const TensorKey* key = find_key(keys, spec.name);
  if (key == nullptr) {
    if (belongs_to_problem(problem, spec.name)) return;
    std::vector<std::string> names;
    for (const TensorKey& known : keys) names.push_back(known.name);
    const std::string near = nearest_name(spec.name, names);
    return refuse(support, spec.name == "mask" ? FVATTN_R_MASK : FVATTN_R_EXTRA_INPUT,
                  "input '" + spec.name + "' is not taken; inputs besides q, k, v: " + names_of(keys) +
                      (near.empty() ? std::string() : "; did you mean '" + near + "'?"));
  }
  if (key->dtypes != 0 && (key->dtypes & dtype_bit(spec.dtype_code, spec.dtype_bits)) == 0)
    refuse(support, FVATTN_R_EXTRA_INPUT | FVATTN_R_DTYPE,
           "input '" + spec.name + "' cannot be " + dtype_name(spec.dtype_code, spec.dtype_bits));
  if (key->ndim >= 0 && static_cast<size_t>(key->ndim) != spec.shape.size())
    refuse(support, FVATTN_R_EXTRA_INPUT | FVATTN_R_SHAPE,
           "input '" + spec.name + "' must have " + std::to_string(key->ndim) + " dimensions, not " +
               std::to_string(spec.shape.size()));
}

void check_metadata(const AttentionBackend& backend, const KeyValues& metadata, Support& support, KeyValues& completed) {
  const Schema& schema = backend.metadata_schema();
  auto result = schema.complete(metadata, backend.get_name());
  if (result) {
    completed = std::move(*result);
    return;
  }
  const bool unknown =
      std::any_of(metadata.begin(), metadata.end(), [&](const auto& entry) { return schema.find(entry.first) == nullptr; });
  const bool missing = std::any_of(schema.keys().begin(), schema.keys().end(), [&](const SchemaKey& key) {
    return (key.flags & FVATTN_KEY_REQUIRED) != 0 && metadata.find(key.name) == metadata.end();
  });
  refuse(support, !unknown && missing ? FVATTN_R_META_MISSING : FVATTN_R_META_UNKNOWN,
         "metadata: " + result.status().text());
}

}  // namespace

uint32_t dtype_bit(uint8_t code, uint8_t bits) {
  switch (code) {
    case FVATTN_DTYPE_FLOAT:
      return bits == 64 ? FVATTN_DT_F64 : bits == 32 ? FVATTN_DT_F32 : bits == 16 ? FVATTN_DT_F16 : 0;
    case FVATTN_DTYPE_BFLOAT:
      return bits == 16 ? FVATTN_DT_BF16 : 0;
    case FVATTN_DTYPE_BOOL:
      return bits == 8 ? FVATTN_DT_BOOL : 0;
    case FVATTN_DTYPE_UINT:
      return bits == 8 ? FVATTN_DT_U8 : 0;
    case FVATTN_DTYPE_INT:
      return bits == 64 ? FVATTN_DT_I64 : bits == 32 ? FVATTN_DT_I32 : 0;
    default:
      return 0;
  }
}

Support refuse_beforehand(const AttentionBackend& backend, Problem& problem, const KeyValues& metadata,
                          KeyValues& completed) {
  Support support;
  std::erase_if(problem.extra, [&](const Spec& spec) {
    const size_t before = support.notes.size();
    check_tensor(backend.tensor_keys(), problem, spec, support);
    return support.notes.size() != before;
  });
  if ((problem.flags & FVATTN_PROBLEM_NEED_GRAD) != 0 && !backend.has_backward()) {
    refuse(support, FVATTN_R_BACKWARD, "it has no backward, and gradients are asked for");
    problem.flags &= ~uint32_t{FVATTN_PROBLEM_NEED_GRAD};
  }
  if (!metadata.empty()) check_metadata(backend, metadata, support, completed);
  return support;
}

Status require_tensors(const AttentionBackend& backend, const Problem& problem) {
  for (const TensorKey& key : backend.tensor_keys()) {
    const bool given =
        std::any_of(problem.extra.begin(), problem.extra.end(), [&](const Spec& spec) { return spec.name == key.name; });
    if ((key.flags & FVATTN_TENSOR_REQUIRED) != 0 && !given)
      return Status::error(Code::invalid_argument, "the input tensor '" + key.name + "' is required", "nothing", {},
                           key.doc.empty() ? std::string() : "'" + key.name + "': " + key.doc);
  }
  return {};
}

}  // namespace fvattn
