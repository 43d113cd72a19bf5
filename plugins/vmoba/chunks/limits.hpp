// The sizes of a problem that workspace and saved tensors are made for: exact, except with cu_seqlens, whose values only
// the call has.
#pragma once

#include "../config/config.hpp"

namespace vmoba {

inline bool is_varlen(const fvattn_problem& p) { return p.flags & FVATTN_PROBLEM_VARLEN; }

struct Limits {
  std::int64_t chunk_tokens = 0;
  std::int64_t sequences = 0;  // batch entries, or packed sequences
  std::int64_t longest = 0;    // tokens of a sequence
  std::int64_t chunks = 0;     // chunks that a batch entry has at most
  std::int64_t of_sequence = 0;

  int words() const { return static_cast<int>((chunks + 31) / 32); }
};

/// INVALID_ARGUMENT or UNIMPLEMENTED where the metadata does not fit the problem, with the key.
Limits limits_of(const fvattn_problem& p, const Config& config);

}  // namespace vmoba
