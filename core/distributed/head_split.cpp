#include <fvattn/distributed/geometry.hpp>

#include <algorithm>

namespace fvattn {
namespace {

// Whole groups: a rank's query heads are those of its kv heads.
HeadSplit split_groups(int64_t kv_heads, int64_t group, int ranks) {
  HeadSplit split;
  split.kv = split_evenly(kv_heads, ranks);
  for (const Range& kv : split.kv) split.q.push_back({kv.begin * group, kv.size * group});
  return split;
}

// Fewer kv heads than ranks: the ranks that work are split over the kv heads, and those of one kv head split its group.
HeadSplit split_within_groups(int64_t kv_heads, int64_t group, int ranks) {
  const int64_t heads = kv_heads * group, working = std::min<int64_t>(ranks, heads);
  HeadSplit split;
  for (int64_t kv = 0; kv < kv_heads; ++kv) {
    const auto members = static_cast<int>(split_evenly(working, static_cast<int>(kv_heads))[static_cast<size_t>(kv)].size);
    for (const Range& part : split_evenly(group, members)) {
      split.q.push_back({kv * group + part.begin, part.size});
      split.kv.push_back({kv, 1});
    }
  }
  split.q.resize(static_cast<size_t>(ranks), {heads, 0});
  split.kv.resize(static_cast<size_t>(ranks), {kv_heads, 0});
  return split;
}

}  // namespace

bool HeadSplit::replicates_kv() const {
  for (size_t r = 1; r < kv.size(); ++r)
    if (kv[r].size > 0 && kv[r].begin < kv[r - 1].end()) return true;
  return false;
}

double HeadSplit::imbalance() const {
  int64_t most = 0, sum = 0;
  for (const Range& range : q) {
    most = std::max(most, range.size);
    sum += range.size;
  }
  return sum == 0 ? 1 : static_cast<double>(most) * static_cast<double>(q.size()) / static_cast<double>(sum);
}

Result<HeadSplit> split_heads(int64_t heads, int64_t kv_heads, int ranks) {
  if (ranks < 1 || heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
    return Status::error(Code::invalid_argument, "these heads cannot be split over ranks",
                         std::to_string(heads) + " query heads, " + std::to_string(kv_heads) + " kv heads, " +
                             std::to_string(ranks) + " ranks",
                         "positive numbers, kv heads a divisor of query heads");
  return kv_heads >= ranks ? split_groups(kv_heads, heads / kv_heads, ranks)
                           : split_within_groups(kv_heads, heads / kv_heads, ranks);
}

}  // namespace fvattn
