// What selection leaves: the chunks of each query.
#pragma once

#include <fvattn/engine/portable.hpp>

#include <cstdint>

namespace vmoba::gpu {

/// Of one batch entry: row i of a head attends chunk c when bit c % 32 of data[(head * tokens + i) * words + c / 32] is set.
struct ChoiceBits {
  std::uint32_t* data = nullptr;
  int heads = 0, tokens = 0, words = 0;

  FVATTN_BOTH std::uint32_t* row(int head, int row) const {
    return data + (static_cast<long long>(head) * tokens + row) * words;
  }
};

}  // namespace vmoba::gpu
