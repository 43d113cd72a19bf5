// The thread's floating-point control word: rounding, and whether denormals are flushed to zero.
//
// A library that GCC linked with -ffast-math sets flush-to-zero in the thread that loads it, and the host's own
// arithmetic changes behind its back.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fvattn {

/// Keeps the control word of its birth and puts it back when it goes.
class FloatControlGuard {
 public:
  FloatControlGuard() : saved_(read()) {}
  ~FloatControlGuard() { restore(); }
  FloatControlGuard(const FloatControlGuard&) = delete;
  FloatControlGuard& operator=(const FloatControlGuard&) = delete;

  bool changed() const { return read() != saved_; }
  void restore() const { write(saved_); }

 private:
#if defined(__x86_64__)
  static constexpr uint64_t kFlags = 0x3f;  // what happened, not how to compute
  static uint64_t read() { return _mm_getcsr() & ~kFlags; }
  static void write(uint64_t word) { _mm_setcsr(static_cast<unsigned>(word | (_mm_getcsr() & kFlags))); }
#elif defined(__aarch64__)
  static uint64_t read() {
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(uint64_t word) { __asm__ volatile("msr fpcr, %0" : : "r"(word)); }
#endif
  uint64_t saved_;
};

}  // namespace fvattn
