// Stands in for the engine's wgmma.cuh: the same products by the emulator.
#pragma once

#include "fvattn/engine/sm90/mbarrier.cuh"

namespace fvattn::engine::sm90 {

template <class Element, int kN>
struct Wgmma {
  static constexpr bool kBf16 = std::is_same_v<Element, __nv_bfloat16>;

  static void ss(float (&d)[kN / 2], std::uint64_t a, std::uint64_t b, int accumulate) {
    emulated::wgmma({d, kN, nullptr, a, b, false, accumulate != 0, kBf16});
  }
  static void ss_mn(float (&d)[kN / 2], std::uint64_t a, std::uint64_t b, int accumulate) {
    emulated::wgmma({d, kN, nullptr, a, b, true, accumulate != 0, kBf16});
  }
  static void ss_mm(float (&d)[kN / 2], std::uint64_t a, std::uint64_t b, int accumulate) {
    emulated::wgmma({d, kN, nullptr, a, b, true, accumulate != 0, kBf16, true});
  }
  static void rs(float (&d)[kN / 2], const std::uint32_t* a, std::uint64_t b, int accumulate) {
    emulated::wgmma({d, kN, a, 0, b, true, accumulate != 0, kBf16});
  }
};

} // namespace fvattn::engine::sm90
