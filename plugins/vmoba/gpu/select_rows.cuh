// Selection in the domain of one (head, query), by the rule of selection/row.hpp: the same choice, sums in the same order.
#pragma once

#include "../selection/rule.hpp"
#include "choice_bits.hpp"
#include "gates.cuh"

namespace vmoba::gpu {

/// Writes every word of the bits.
cudaError_t select_rows(const Chunks& chunks, const GateStore& gates, const Rule& rule, const ChoiceBits& bits,
                        cudaStream_t stream);

}  // namespace vmoba::gpu
