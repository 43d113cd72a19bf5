// The choice of one query from gates that are known up to an error: certain, or not to be had from them.
#pragma once

#include "choose_row.cuh"

namespace vmoba::gpu {

/// Chosen are the own chunk and all others whose gate is above the cut; -inf: all.
struct Filtered {
  bool certain;
  float cut;
};

/// The gates of one query in shared memory, shared by two neighbouring lanes: 4 gates in turn. The own one and what fills
/// the row are -inf.
struct HalfRow {
  const float4* gates;
  int quads, half;

  /// body(gate) for this lane's gates.
  template <class Body>
  __device__ __forceinline__ void each(Body&& body) const {
#pragma unroll 3
    for (int i = half; i < quads; i += 2) {
      const float4 four = gates[i];
      body(four.x), body(four.y), body(four.z), body(four.w);
    }
  }
  template <class T>
  __device__ __forceinline__ static T other(T value) {
    return __shfl_xor_sync(0xffffffffu, value, 1);
  }
};

/// What decides about a row: sums of others from the cut on, or their number.
struct Wish {
  bool by_count;
  int count;
  float sum;
};

/// For a whole warp; lanes of rows that are not `open` only take part. The gates are each within `error` of what
/// choose_row() would look at, up to a number that all of them share. A choice that is certain is that of choose_row(): the
/// gates on both sides of the cut, and the sums, differ by more than errors do.
__device__ inline Filtered filter_row(const HalfRow& row, int chunks, float own_gate, const Rule& rule, float error,
                                      bool open) {
  constexpr Filtered kUncertain{false, 0};
  constexpr float kHuge = 1e30f, kHalfUlp = 6e-8f;
  Wish wish{rule.mode == SelectMode::topk, chunks - 1, 0};
  if (wish.by_count) wish.count = others_of_topk(rule, chunks);
  if (wish.count == 0) return {true, INFINITY};
  if (wish.count == chunks - 1 && (wish.by_count || rule.threshold >= 1)) return {true, -INFINITY};

  float least = INFINITY, most = -INFINITY;  // of the others
  row.each([&](float g) { least = fminf(least, g > -INFINITY ? g : INFINITY), most = fmaxf(most, g); });
  least = fminf(least, HalfRow::other(least)), most = fmaxf(most, HalfRow::other(most));
  const float base = fminf(least, own_gate), range = fmaxf(most, own_gate) - base;
  Filtered result{true, 0};
  // An error that is not huge means that no gate is.
  if (!(error < kHuge) || !(base > -kHuge) || !(base + range < kHuge)) open = false, result = kUncertain;

  float sum_low = 0, sum_high = 0, rounding = 0;
  // Errors of the gates and of the base in what is needed and in a sum of n others.
  const auto slack = [&](int n) {
    const float gates = static_cast<float>(rule.threshold) * static_cast<float>(chunks) + static_cast<float>(n) + 3;
    return 2 * error * gates + rounding;
  };
  if (!wish.by_count) {
    double others = 0;
    row.each([&](float g) { others += g > -INFINITY ? static_cast<double>(g - base) : 0; });
    others += HalfRow::other(others);
    const double of_own = own_gate - base, total = others + of_own;
    wish.sum = static_cast<float>(rule.threshold * (total + 1e-6 * range) - of_own);
    sum_low = static_cast<float>(others);
    // A lane adds half of the floats one by one.
    rounding = kHalfUlp * (0.5f * static_cast<float>(chunks) + 16) * static_cast<float>(total);
    if (open) {
      // Where the range is next to nothing, shares are defined in another way.
      if (!(range > 1e-5f + 4 * error) || fabsf(wish.sum) < slack(1) || fabsf(sum_low - wish.sum) < slack(chunks))
        open = false, result = kUncertain;
      else if (sum_low < wish.sum) open = false, result.cut = -INFINITY;
      else if (wish.sum < 0) wish.by_count = true, wish.count = 1;
    }
  }

  // {gates > low} suffices, {gates > high} does not.
  float low = least - 0.01f * range, high = most;
  int n_low = chunks - 1, n_high = 0;
  bool searching = open;
  while (true) {
    if (wish.by_count ? n_low == wish.count : n_low - n_high == 1) searching = false;
    const float middle = low + 0.5f * (high - low);
    if (searching && !(middle > low && middle < high)) open = searching = false, result = kUncertain;
    if (!__any_sync(0xffffffffu, searching)) break;
    int n = 0;
    float sum = 0;
    if (rule.mode == SelectMode::topk) {
      row.each([&](float g) { n += g > middle ? 1 : 0; });
    } else {
      row.each([&](float g) {
        if (g > middle) ++n, sum += g - base;
      });
      sum += HalfRow::other(sum);
    }
    n += HalfRow::other(n);
    if (!searching) continue;
    const bool enough = wish.by_count ? n >= wish.count : sum >= wish.sum;
    if (enough) low = middle, n_low = n, sum_low = sum;
    else high = middle, n_high = n, sum_high = sum;
  }
  if (open && !wish.by_count && (sum_low - wish.sum < slack(n_low) || wish.sum - sum_high < slack(n_high)))
    open = false, result = kUncertain;
  float above = INFINITY, below = -INFINITY;
  int n = 0;
  row.each([&](float g) {
    if (g > low) ++n, above = fminf(above, g);
    else below = fmaxf(below, g);
  });
  n += HalfRow::other(n), above = fminf(above, HalfRow::other(above)), below = fmaxf(below, HalfRow::other(below));
  if (!open) return result;
  return n == n_low && above - below > 2 * error ? Filtered{true, low} : kUncertain;
}

}  // namespace vmoba::gpu
