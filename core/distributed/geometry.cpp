#include <fvattn/distributed/geometry.hpp>

namespace fvattn {

Ranges consecutive(std::span<const int64_t> sizes) {
  Ranges ranges;
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    ranges.push_back({begin, size});
    begin += size;
  }
  return ranges;
}

Ranges split_evenly(int64_t total, int parts) {
  std::vector<int64_t> sizes(static_cast<size_t>(parts), total / parts);
  for (int64_t i = 0; i < total % parts; ++i) ++sizes[static_cast<size_t>(i)];
  return consecutive(sizes);
}

int64_t total_of(const Ranges& ranges) { return ranges.empty() ? 0 : ranges.back().end(); }

const char* to_string(Pattern pattern) {
  switch (pattern) {
    case Pattern::scatter_heads: return "scatter_heads";
    case Pattern::gather_heads: return "gather_heads";
    case Pattern::all_gather_heads: return "all_gather_heads";
    case Pattern::stack_heads: return "stack_heads";
  }
  return "unknown pattern";
}

Block block_between(Pattern pattern, const Ranges& sequence, const Ranges& heads, int source, int target) {
  const auto s = static_cast<size_t>(source), t = static_cast<size_t>(target);
  switch (pattern) {
    case Pattern::scatter_heads:
      return {0, sequence[s].begin, sequence[s].size, heads[t].begin, 0, heads[t].size};
    case Pattern::gather_heads:
      return {sequence[t].begin, 0, sequence[t].size, 0, heads[s].begin, heads[s].size};
    case Pattern::all_gather_heads:
      return {0, 0, sequence[0].size, 0, heads[s].begin, heads[s].size};
    case Pattern::stack_heads:
      return {0, source * sequence[0].size, sequence[0].size, heads[t].begin, 0, heads[t].size};
  }
  return {};
}

}  // namespace fvattn
