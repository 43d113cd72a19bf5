// Compiles the kernels for each instruction set and chooses at run time. Highway is used as headers only: choosing by
// its runtime library would make every plugin need libhwy.so on the user's machine.
#include <fvattn/engine/cpu/kernels.hpp>

#include <atomic>
#include <string_view>
#include <vector>

#define HWY_DISABLED_TARGETS (~(HWY_AVX3 | HWY_AVX2 | HWY_SSE4 | HWY_NEON | HWY_EMU128 | HWY_SCALAR))
#define HWY_TARGET_INCLUDE "kernels.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "convert-inl.hpp"
#include "products-inl.hpp"
#include "softmax-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fvattn::engine::cpu {
namespace HWY_NAMESPACE {

template <class T>
const Kernels<T>& table() {
  static const Kernels<T> all{hwy::TargetName(HWY_TARGET), products<T>,       accumulate<T>,   softmax<T>,
                              gradient<false, T>,          gradient<true, T>, scale_columns<T>};
  return all;
}

inline const Conversions& conversion_table() {
  static const Conversions all{widen_bf16, widen_half, narrow_bf16, narrow_half};
  return all;
}

}  // namespace HWY_NAMESPACE
}  // namespace fvattn::engine::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fvattn::engine::cpu {
namespace {

struct Target {
  const Kernels<float>* f32;
  const Kernels<double>* f64;
  const Conversions* conversions;
  bool usable;
};

#define FVATTN_TARGET(space, usable) \
  Target { &space::table<float>(), &space::table<double>(), &space::conversion_table(), usable }

/// What was compiled, best first; the last one runs everywhere.
const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
#if HWY_TARGETS & HWY_AVX3
      FVATTN_TARGET(N_AVX3, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                                __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("bmi2")),
#endif
#if HWY_TARGETS & HWY_AVX2
      FVATTN_TARGET(N_AVX2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c")),
#endif
#if HWY_TARGETS & HWY_SSE4
      FVATTN_TARGET(N_SSE4,
                    __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes")),
#endif
#if HWY_TARGETS & HWY_NEON
      FVATTN_TARGET(N_NEON, true),
#endif
#if HWY_TARGETS & HWY_EMU128
      FVATTN_TARGET(N_EMU128, true),
#endif
#if HWY_TARGETS & HWY_SCALAR
      FVATTN_TARGET(N_SCALAR, true),
#endif
  };
  return all;
}

const Target* best_target() {
  for (const Target& target : targets())
    if (target.usable) return &target;
  return &targets().back();
}

std::atomic<const Target*>& chosen() {
  static std::atomic<const Target*> target{best_target()};
  return target;
}

}  // namespace

template <>
const Kernels<float>& kernels<float>() {
  return *chosen().load(std::memory_order_relaxed)->f32;
}
template <>
const Kernels<double>& kernels<double>() {
  return *chosen().load(std::memory_order_relaxed)->f64;
}
const Conversions& conversions() { return *chosen().load(std::memory_order_relaxed)->conversions; }

bool use_target(std::string_view name) {
  if (name.empty()) return chosen() = best_target(), true;
  for (const Target& target : targets())
    if (target.usable && target.f32->target == name) return chosen() = &target, true;
  return false;
}

}  // namespace fvattn::engine::cpu
#endif
