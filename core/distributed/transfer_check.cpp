#include <fvattn/distributed/transport.hpp>

#include <algorithm>

namespace fvattn {
namespace {

struct Shape {
  int64_t rows, heads;
};
struct Ends {
  Shape source, target;
};

int64_t heads_of(const Ranges& heads) {
  int64_t most = 0;
  for (const Range& range : heads) most = std::max(most, range.end());
  return most;
}

Ends expected(const Transfer& t, int rank, int size) {
  const auto r = static_cast<size_t>(rank);
  const int64_t all_heads = heads_of(t.heads), heads = t.heads[r].size, all_rows = total_of(t.sequence);
  switch (t.pattern) {
    case Pattern::scatter_heads: return {{t.sequence[r].size, all_heads}, {all_rows, heads}};
    case Pattern::gather_heads: return {{all_rows, heads}, {t.sequence[r].size, all_heads}};
    case Pattern::all_gather_heads: return {{all_rows, heads}, {all_rows, all_heads}};
    case Pattern::stack_heads: return {{all_rows, all_heads}, {all_rows * size, heads}};
  }
  return {};
}

bool overlaps(const Ranges& heads) {
  for (size_t r = 1; r < heads.size(); ++r)
    if (heads[r].size > 0 && heads[r].begin < heads[r - 1].end()) return true;
  return false;
}

std::string text(const Layout& l) {
  return "[" + std::to_string(l.batches) + ", " + std::to_string(l.rows) + ", " + std::to_string(l.heads) + "] of " +
         std::to_string(l.head_bytes) + " bytes";
}

// A target may have more rows than the pattern fills: the rest is the caller's.
bool fits(const Layout& layout, const Shape& shape) { return layout.rows >= shape.rows && layout.heads >= shape.heads; }

}  // namespace

Status check_transfers(const Exchange& exchange, int rank, int size) {
  for (const Transfer& t : exchange.transfers) {
    const bool one = t.pattern == Pattern::all_gather_heads || t.pattern == Pattern::stack_heads;
    const bool joins = t.pattern == Pattern::gather_heads || t.pattern == Pattern::all_gather_heads;
    if (t.sequence.size() != (one ? 1u : static_cast<size_t>(size)) || t.heads.size() != static_cast<size_t>(size))
      return Status::error(Code::invalid_argument, exchange.name + " of " + t.name + ": the splits are not of this group",
                           std::to_string(t.sequence.size()) + " and " + std::to_string(t.heads.size()) + " ranges",
                           (one ? "1" : std::to_string(size)) + " and " + std::to_string(size));
    if (joins && overlaps(t.heads))
      return Status::error(Code::invalid_argument,
                           exchange.name + " of " + t.name + ": heads that overlap cannot be joined");
    const Ends ends = expected(t, rank, size);
    if (!fits(t.source, ends.source) || !fits(t.target, ends.target) || t.source.batches != t.target.batches ||
        t.source.head_bytes != t.target.head_bytes)
      return Status::error(
          Code::invalid_argument, exchange.name + " of " + t.name + ": the tensors do not fit the splits",
          text(t.source) + " to " + text(t.target),
          std::to_string(ends.source.rows) + " rows of " + std::to_string(ends.source.heads) + " heads to " +
              std::to_string(ends.target.rows) + " rows of " + std::to_string(ends.target.heads) + " heads");
  }
  return {};
}

}  // namespace fvattn
