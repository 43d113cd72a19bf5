// The reference's metadata field attn_mask, as the tensor `mask`.
#pragma once

#include "named_tensors.hpp"

#include <fvattn/attention_backend.hpp>

namespace fvattn {

/// Adds `mask` to `inputs` if `metadata` (may be nullptr) has attn_mask and the backend takes a mask. A mask shorter than
/// kv_len is padded at its front with "attend", as the reference does: it covers the tail. Longer, or with a `mask` already
/// there: INVALID_ARGUMENT. True if one was added.
Result<bool> add_mask_alias(const AttentionMetadata* metadata, Inputs& inputs);

}  // namespace fvattn
