// The index of a layer, read off its name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fvattn {

/// The number of the first `blocks.<n>` in `prefix`: "Wan.blocks.7.attn1" is 7, "Hunyuan.single_blocks.21.attn.impl" 21
/// (its pipeline has added the double blocks already). nullopt when there is none that fits 32 bits.
std::optional<int32_t> layer_index_of(std::string_view prefix);

}  // namespace fvattn
