// Which chunks a query gets besides its own.
#pragma once

#include <cstdint>

namespace vmoba {

enum class SelectMode { threshold, topk };

/// The entries that compete with one another. Each is of one sequence; `block` is (head, query) of one chunk.
enum class Domain { query_head, block, head_global, overall };

/// topk: per query `topk` chunks, the own one included, on average over the domain. threshold: the best others until own and
/// others have that share of the domain's sum of normalised gates; at least one other.
struct Rule {
  SelectMode mode;
  Domain domain;
  double threshold;
  std::int64_t topk;
};

/// Heads compete with one another, so that all of them must be on one rank.
inline bool spans_heads(const Rule& rule) { return rule.domain == Domain::overall || rule.domain == Domain::block; }

}  // namespace vmoba
