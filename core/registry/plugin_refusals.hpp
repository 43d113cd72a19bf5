// What is refused before the plugin is asked: nothing that changes results is ever ignored (FVP-8).
#pragma once

#include <fvattn/attention_backend.hpp>

namespace fvattn {

/// Notes and reasons of the refusal; no notes when the plugin may be asked. `problem` loses what is refused: about the
/// rest the plugin may still have something to say. `completed` gets the metadata with defaults; it stays empty when no
/// metadata is known yet or when it is refused.
Support refuse_beforehand(const AttentionBackend& backend, Problem& problem, const KeyValues& metadata,
                          KeyValues& completed);

/// INVALID_ARGUMENT for a REQUIRED tensor that `problem` lacks.
Status require_tensors(const AttentionBackend& backend, const Problem& problem);

/// FVATTN_DT_* of a dtype; 0 for one that no backend takes.
uint32_t dtype_bit(uint8_t code, uint8_t bits);

}  // namespace fvattn
