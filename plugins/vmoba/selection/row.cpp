#include "row.hpp"

#include "shares.hpp"

#include <algorithm>

namespace vmoba {

RowSelection::Chosen RowSelection::choose(const float* gates, std::ptrdiff_t stride, int chunks, int own, const Rule& rule) {
  others_.clear();
  for (int c = 0; c < chunks; ++c)
    if (c != own) others_.push_back(c);
  const int count = static_cast<int>(others_.size());
  const auto gate = [&](int c) { return gates[c * stride]; };
  const auto better = [&](int a, int b) { return gate(a) > gate(b) || (gate(a) == gate(b) && a < b); };
  if (rule.mode == SelectMode::topk) {
    const int wanted = static_cast<int>(std::clamp<std::int64_t>(rule.topk - 1, 0, count));
    if (wanted < count) std::nth_element(others_.begin(), others_.begin() + wanted, others_.end(), better);
    return {others_.data(), wanted};
  }
  if (rule.threshold >= 1) return {others_.data(), count};
  Shares shares;
  for (int c = 0; c < chunks; ++c) shares.widen(gate(c));
  for (int c = 0; c < chunks; ++c) shares.add(gate(c), c == own);
  std::sort(others_.begin(), others_.end(), better);
  const double remaining = shares.remaining(rule.threshold);
  double sum = 0;
  for (int i = 0; i < count; ++i) {
    sum += shares.norm(gate(others_[static_cast<std::size_t>(i)]));
    if (shares.reached(sum, remaining)) return {others_.data(), i + 1};
  }
  return {others_.data(), count};
}

}  // namespace vmoba
