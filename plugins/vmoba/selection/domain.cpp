#include "domain.hpp"

#include "shares.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace vmoba {
namespace {

/// Ordered as the gates are.
std::uint32_t key_of(float gate) {
  const auto bits = std::bit_cast<std::uint32_t>(gate);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/// Entries with a larger key are chosen, and the first `ties` with this one.
struct Cut {
  std::uint32_t key;
  std::int64_t ties;
};
constexpr std::int64_t kAllTies = std::numeric_limits<std::int64_t>::max();
constexpr Cut kNone{0xFFFFFFFFu, 0}, kEverything{0, kAllTies};

template <class Body>
void for_each_other(const GateStore& gates, const DomainRange& range, Body&& body) {
  for (int c = range.first_chunk; c < range.end_chunk; ++c)
    for (int h = range.first_head; h < range.end_head; ++h) {
      float* row = gates.row(c, h);
      for (int n = 0; n < gates.begin(c); ++n) body(row[n]);
      for (int n = gates.end(c); n < gates.length; ++n) body(row[n]);
    }
}

template <class Body>
void for_each_own(const GateStore& gates, const DomainRange& range, Body&& body) {
  for (int c = range.first_chunk; c < range.end_chunk; ++c)
    for (int h = range.first_head; h < range.end_head; ++h)
      for (int n = gates.begin(c); n < gates.end(c); ++n) body(gates.row(c, h)[n]);
}

/// The best entries until so many are there.
struct CountGoal {
  std::int64_t wanted;

  double weight(float) const { return 0; }
  bool reached(std::int64_t count, double) const { return count >= wanted; }
  std::int64_t ties(std::int64_t before, double, double, std::int64_t) const { return wanted - before; }
};

/// The best entries until their shares reach what remains.
struct ShareGoal {
  const Shares& shares;
  double remaining;

  double weight(float gate) const { return shares.norm(gate); }
  bool reached(std::int64_t, double sum) const { return shares.reached(sum, remaining); }
  /// All ties have the same share.
  std::int64_t ties(std::int64_t, double before, double share, std::int64_t count) const {
    if (share <= 0) return 1;
    const double needed = std::ceil((remaining * shares.total() - before) / share);
    auto ties = static_cast<std::int64_t>(std::clamp(needed, 1.0, static_cast<double>(count)));
    while (ties > 1 && shares.reached(before + static_cast<double>(ties - 1) * share, remaining)) --ties;
    while (ties < count && !shares.reached(before + static_cast<double>(ties) * share, remaining)) ++ties;
    return ties;
  }
};

/// The digit of the last chosen key, from the highest digit to the lowest: 11, 11 and 10 bits.
template <class Goal>
Cut find_cut(const GateStore& gates, const DomainRange& range, const Goal& goal) {
  struct Bin {
    std::int64_t count = 0;
    double sum = 0;
  };
  struct Digit {
    int shift, bits;
  };
  std::uint32_t prefix = 0;  // the digits above, right-aligned
  std::int64_t before = 0;
  double sum_before = 0;
  for (const Digit digit : {Digit{21, 11}, Digit{10, 11}, Digit{0, 10}}) {
    std::vector<Bin> bins(std::size_t{1} << digit.bits);
    const int above = digit.shift + digit.bits;
    for_each_other(gates, range, [&](float gate) {
      const std::uint32_t key = key_of(gate);
      if (static_cast<std::uint64_t>(key) >> above != prefix) return;
      Bin& bin = bins[key >> digit.shift & ((1u << digit.bits) - 1)];
      ++bin.count;
      bin.sum += goal.weight(gate);
    });
    int at = static_cast<int>(bins.size()) - 1;
    for (; at >= 0; --at) {
      const Bin& bin = bins[static_cast<std::size_t>(at)];
      if (bin.count == 0) continue;
      if (goal.reached(before + bin.count, sum_before + bin.sum)) break;
      before += bin.count;
      sum_before += bin.sum;
    }
    // Below the first digit this is the rounding of sums in another order: all entries of the digit above are chosen.
    if (at < 0) return digit.shift == 21 ? kEverything : Cut{prefix << above, kAllTies};
    prefix = prefix << digit.bits | static_cast<std::uint32_t>(at);
    if (digit.shift == 0) {
      const Bin& bin = bins[static_cast<std::size_t>(at)];
      return {prefix, goal.ties(before, sum_before, bin.sum / static_cast<double>(bin.count), bin.count)};
    }
  }
  return kEverything;
}

Cut cut_of(const GateStore& gates, const DomainRange& range, const Rule& rule) {
  const auto entries = static_cast<std::int64_t>(range.end_head - range.first_head) * gates.length;
  if (rule.mode == SelectMode::topk) {
    // The own chunks take one place for each (head, query).
    const std::int64_t wanted = (std::clamp<std::int64_t>(rule.topk, 1, gates.chunks) - 1) * entries;
    return wanted == 0 ? kNone : find_cut(gates, range, CountGoal{wanted});
  }
  if (rule.threshold >= 1) return kEverything;
  Shares shares;
  const auto widen = [&](float gate) { shares.widen(gate); };
  for_each_own(gates, range, widen);
  for_each_other(gates, range, widen);
  for_each_own(gates, range, [&](float gate) { shares.add(gate, true); });
  for_each_other(gates, range, [&](float gate) { shares.add(gate, false); });
  return find_cut(gates, range, ShareGoal{shares, shares.remaining(rule.threshold)});
}

}  // namespace

void choose_in_domain(const GateStore& gates, const DomainRange& range, const Rule& rule) {
  Cut cut = cut_of(gates, range, rule);
  for_each_other(gates, range, [&](float& gate) {
    const std::uint32_t key = key_of(gate);
    gate = key > cut.key || (key == cut.key && cut.ties-- > 0) ? kChosen : kLeft;
  });
  for_each_own(gates, range, [](float& gate) { gate = kChosen; });
}

}  // namespace vmoba
