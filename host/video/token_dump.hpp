// The q, k and v of a clip's windows, in files instead of an attention call.
#pragma once

#include "video/denoise_options.hpp"

#include <fvattn/status.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fvattn::video {

struct TokenDump {
  std::vector<std::string> files;  // one a window
  std::vector<int64_t> grid;       // tokens of a window: frames, rows, columns
  double bandwidth = 0;
};

/// Writes `options.dump`/<window>/0_0.safetensors, windows from 00000 on: q, k, v [1, tokens, heads, 128], and in its
/// metadata "dit_seq_shape" and "softmax_scale", the keys that a call on them needs. `options` must be complete.
Result<TokenDump> dump_tokens(const DenoiseOptions& options);

}  // namespace fvattn::video
