#include "mask_alias.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

namespace fvattn {

Result<bool> add_mask_alias(const AttentionMetadata* metadata, Inputs& inputs) {
  if (metadata == nullptr) return false;
  const auto found = metadata->values().find("attn_mask");
  const auto* value = found != metadata->values().end() ? std::get_if<TensorValue>(&found->second) : nullptr;
  const auto& keys = metadata->backend().tensor_keys();
  const bool takes_mask = std::any_of(keys.begin(), keys.end(), [](const TensorKey& key) { return key.name == "mask"; });
  if (value == nullptr || !value->defined() || !takes_mask) return false;
  for (const NamedTensor& extra : inputs.extras)
    if (extra.name == "mask")
      return Status::error(Code::invalid_argument, "a mask came twice", "the input 'mask' and the metadata key 'attn_mask'",
                           "one of them");
  const int64_t keys_given = value->shape().empty() ? 1 : value->shape().back(), kv_len = inputs.k.size(1);
  if (value->shape().empty() || keys_given > kv_len)
    return Status::error(Code::invalid_argument, "the metadata key 'attn_mask' does not fit the keys",
                         to_string(Value(value->shape())), "a last dimension of at most " + std::to_string(kv_len));
  at::Tensor mask = to_tensor(*value).to(inputs.q.device());
  const bool additive = at::isFloatingType(mask.scalar_type());
  if (keys_given < kv_len)
    mask = at::constant_pad_nd(mask, {kv_len - keys_given, 0}, additive ? at::Scalar(0.0) : at::Scalar(1));
  uint64_t copies = 0;
  inputs.extras.push_back({"mask", readable(mask, copies)});
  return true;
}

}  // namespace fvattn
