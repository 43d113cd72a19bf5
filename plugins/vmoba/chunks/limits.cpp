#include "limits.hpp"

#include <algorithm>

namespace vmoba {

using namespace fvattn::plugin;

namespace {

int64_t packed_sequences(const fvattn_problem& p) {
  for (uint32_t i = 0; i < p.n_extra; ++i)
    if (view(p.extra[i].name) == "cu_seqlens_q" && p.extra[i].ndim == 1) return std::max<int64_t>(p.extra[i].dim[0] - 1, 0);
  fail(FVATTN_INVALID_ARGUMENT, "packed sequences came without cu_seqlens_q [n + 1]");
}

int64_t tokens_of(const fvattn_problem& p, const Config& config, const Chunking& chunking) {
  if (config.always_dense(p.layer_index)) return std::max<int64_t>(p.q_len, 1);
  try {
    return chunking.size.tokens(config.grid);
  } catch (const std::invalid_argument& e) {
    fail(FVATTN_INVALID_ARGUMENT, "%s (%s)", e.what(), chunking.size_key);
  }
}

}  // namespace

Limits limits_of(const fvattn_problem& p, const Config& config) {
  const Chunking& chunking = config.chunking(p.layer_index);
  const Grid& grid = config.grid;
  const int64_t tokens = grid[0] * grid[1] * grid[2];
  Limits limits;
  limits.chunk_tokens = tokens_of(p, config, chunking);
  if (!is_varlen(p)) {
    if (tokens != p.q_len)
      fail(FVATTN_INVALID_ARGUMENT, "dit_seq_shape [%lld, %lld, %lld] has %lld tokens, q has %lld; both must be the same",
           static_cast<long long>(grid[0]), static_cast<long long>(grid[1]), static_cast<long long>(grid[2]),
           static_cast<long long>(tokens), static_cast<long long>(p.q_len));
    limits.sequences = p.batch;
    limits.longest = p.q_len;
    limits.chunks = limits.of_sequence = (p.q_len + limits.chunk_tokens - 1) / limits.chunk_tokens;
    return limits;
  }
  if (chunking.size.dimensions() != 1 && !config.always_dense(p.layer_index))
    fail(FVATTN_UNIMPLEMENTED,
         "[VARLEN] layer %d has %d-D chunks (%s); cu_seqlens are accepted in 1-D layers, see temporal_layer and layer_idx",
         p.layer_index, chunking.size.dimensions(), chunking.size_key);
  limits.sequences = packed_sequences(p);
  limits.longest = p.max_q_len > 0 ? std::min(p.max_q_len, p.q_len) : p.q_len;
  limits.of_sequence = (limits.longest + limits.chunk_tokens - 1) / limits.chunk_tokens;
  limits.chunks = std::min(p.q_len, p.q_len / limits.chunk_tokens + limits.sequences);
  return limits;
}

}  // namespace vmoba
