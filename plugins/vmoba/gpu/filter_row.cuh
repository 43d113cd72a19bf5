// The choice of one query from gates that are known up to an error: certain, or not to be had from them.
#pragma once

#include "choose_row.cuh"

namespace vmoba::gpu {

/// Chosen are the own chunk and all others whose gate is above the cut.
struct Filtered {
  bool certain;
  float cut;
};

/// gates[chunks]: each within `error` of what choose_row() would look at, up to a number that all of them share. A choice
/// that is certain is that of choose_row(): the gates on both sides of the cut, and the sums, differ by more than errors do.
__device__ inline Filtered filter_row(const float* gates, int chunks, int own, const Rule& rule, float error) {
  constexpr Filtered kUncertain{false, 0};
  constexpr float kHuge = 1e30f;
  bool by_count = rule.mode == SelectMode::topk;
  int wanted = by_count ? others_of_topk(rule, chunks) : chunks - 1;
  if (wanted == 0) return {true, INFINITY};
  if (wanted == chunks - 1 && (by_count || rule.threshold >= 1)) return {true, -INFINITY};

  float least = INFINITY, most = -INFINITY;  // of the others
  bool usable = error < kHuge;
  for (int c = 0; c < chunks; ++c) {
    const float g = gates[c];
    usable = usable && fabsf(g) < kHuge;
    if (c != own) least = fminf(least, g), most = fmaxf(most, g);
  }
  if (!usable) return kUncertain;
  const float base = fminf(least, gates[own]), range = fmaxf(most, gates[own]) - base;
  float sum_of_others = 0, needed = 0, slack = 0;
  if (!by_count) {
    // Where the range is next to nothing, shares are defined in another way.
    if (!(range > 1e-5f + 4 * error)) return kUncertain;
    double total = 0;
    for (int c = 0; c < chunks; ++c) total += gates[c] - base;
    const double of_own = gates[own] - base;
    needed = static_cast<float>(rule.threshold * (total + 1e-6 * range) - of_own);
    sum_of_others = static_cast<float>(total - of_own);
    // Errors of every gate and of the base, and the rounding of sums of positive floats.
    slack = static_cast<float>(chunks) * (6 * error + 2.4e-7f * static_cast<float>(total));
    if (fabsf(needed) < slack || fabsf(sum_of_others - needed) < slack) return kUncertain;
    if (sum_of_others < needed) return {true, -INFINITY};
    if (needed < 0) by_count = true, wanted = 1;
  }

  // {gates > low} suffices, {gates > high} does not.
  float low = least - 0.01f * range, high = most, sum_low = sum_of_others, sum_high = 0;
  int n_low = chunks - 1, n_high = 0;
  while (by_count ? n_low != wanted : n_low - n_high != 1) {
    const float middle = low + 0.5f * (high - low);
    if (!(middle > low && middle < high)) return kUncertain;
    float sum = 0;
    int n = 0;
    for (int c = 0; c < chunks; ++c) {
      const float g = gates[c];
      if (g > middle && c != own) ++n, sum += g - base;
    }
    const bool enough = by_count ? n >= wanted : sum >= needed;
    if (enough) low = middle, n_low = n, sum_low = sum;
    else high = middle, n_high = n, sum_high = sum;
  }
  if (!by_count && (sum_low - needed < slack || needed - sum_high < slack)) return kUncertain;
  float above = INFINITY, below = -INFINITY;
  int n = 0;
  for (int c = 0; c < chunks; ++c) {
    const float g = gates[c];
    if (c == own) continue;
    if (g > low) ++n, above = fminf(above, g);
    else below = fmaxf(below, g);
  }
  return n == n_low && above - below > 2 * error ? Filtered{true, low} : kUncertain;
}

}  // namespace vmoba::gpu
