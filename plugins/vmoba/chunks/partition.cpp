#include "partition.hpp"

#include <fvattn/vmoba/permutation.hpp>

#include <algorithm>

namespace vmoba {

using namespace fvattn::plugin;

namespace {

fvattn::engine::Extent3 extent(const Grid& grid) {
  return {static_cast<int>(grid[0]), static_cast<int>(grid[1]), static_cast<int>(grid[2])};
}

}  // namespace

const int* checked_sequences(const Call& call) {
  const fvattn_tensor &q = call.in("cu_seqlens_q"), &k = call.in("cu_seqlens_k");
  const int64_t n = numel(q), length = call.problem().q_len;
  const int *cu = host_data<int>(q, "cu_seqlens_q"), *cu_k = host_data<int>(k, "cu_seqlens_k");
  if (q.ndim != 1 || n < 2 || numel(k) != n || !std::equal(cu, cu + n, cu_k))
    fail(FVATTN_INVALID_ARGUMENT, "cu_seqlens_q and cu_seqlens_k differ or have no sequence; each query attends its own "
                                  "sequence, so both must be the same [n + 1]");
  if (cu[0] != 0 || cu[n - 1] != length || !std::is_sorted(cu, cu + n))
    fail(FVATTN_INVALID_ARGUMENT, "cu_seqlens_q goes from %d to %d; it must rise from 0 to the %lld tokens of q", cu[0],
         cu[n - 1], static_cast<long long>(length));
  return cu;
}

Partition::Partition(const Call& call, const Config& config, const Limits& limits) {
  const fvattn_problem& p = call.problem();
  const int64_t tokens = limits.chunk_tokens;
  const auto add_chunks = [&](int length) {
    const int first = starts_.back();
    for (int64_t at = tokens; at < length; at += tokens) starts_.push_back(first + static_cast<int>(at));
    if (length > 0) starts_.push_back(first + length);
  };
  if (is_varlen(p)) {
    const int* cu = checked_sequences(call);
    for (int64_t s = 0; s < limits.sequences; ++s) {
      const int length = cu[s + 1] - cu[s], before = chunks();
      if (length > limits.longest)
        fail(FVATTN_INVALID_ARGUMENT, "a sequence has %d tokens, max_seqlen_q says %lld", length,
             static_cast<long long>(limits.longest));
      add_chunks(length);
      sequences_.push_back({0, cu[s], length, before, chunks() - before});
    }
  } else {
    const int length = static_cast<int>(p.q_len);
    add_chunks(length);
    for (int b = 0; b < static_cast<int>(p.batch); ++b) sequences_.push_back({b, 0, length, 0, chunks()});
    const ChunkSize& size = config.chunking(p.layer_index).size;
    if (size.dimensions() != 1) {
      const std::vector<int64_t> order = fvattn::vmoba::process_moba_input(config.grid, size);
      rows_.assign(order.begin(), order.end());
      grid_ = extent(config.grid);
      box_ = extent(size.box(config.grid));
    }
  }
  for (int c = 0; c < chunks(); ++c) longest_ = std::max(longest_, starts_[c + 1] - starts_[c]);
}

int Partition::chunk_of(int place) const {
  return static_cast<int>(std::upper_bound(starts_.begin(), starts_.end(), place) - starts_.begin()) - 1;
}

}  // namespace vmoba
