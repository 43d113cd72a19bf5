// Stands in for the engine's isa.cuh (this folder comes first on the include path): the same instructions by an emulated
// CTA on the CPU, so that the unchanged kernels run without a GPU.
#pragma once

#include <fvattn/emulation/builtins.hpp>

namespace fvattn::engine::sm80 {

namespace emulated = ::fvattn::emulation;

inline int thread_index() { return emulated::thread_index(); }
inline int fresh_thread_index() { return emulated::thread_index(); }
inline dim3 block_index() { return emulated::block_index(); }
inline dim3 grid_size() { return emulated::grid_size(); }
inline unsigned char* shared_memory() { return emulated::shared_memory(); }

inline std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(static_cast<const unsigned char*>(pointer) - emulated::shared_memory());
}

inline void block_sync() { emulated::block_sync(); }
inline void warp_sync() { emulated::warp_sync(); }
inline bool warp_any(bool value) { return emulated::warp_ballot(value) != 0; }
inline float warp_shuffle_xor(float value, int lane_mask) { return emulated::warp_shuffle(value, [lane_mask](int lane) { return lane ^ lane_mask; }); }

inline void copy_async_16(std::uint32_t target, const void* source, bool valid) {
  emulated::copy_async(target, source, 16, valid);
}
inline void copy_async_4(std::uint32_t target, const void* source, bool valid) {
  emulated::copy_async(target, source, 4, valid);
}
inline void copy_async_commit() { emulated::copy_async_commit(); }
template <int kPending>
void copy_async_wait() {
  emulated::copy_async_wait(kPending);
}

inline void load_matrix_x4(std::uint32_t (&out)[4], std::uint32_t address) {
  emulated::load_matrix(out, address, false);
}
inline void load_matrix_x4_transposed(std::uint32_t (&out)[4], std::uint32_t address) {
  emulated::load_matrix(out, address, true);
}

inline float exp2_fast(float x) { return std::exp2(x); }

template <class Element>
Element rounded(float value) {
  if constexpr (std::is_same_v<Element, __half>) return __float2half_rn(value);
  else return __float2bfloat16_rn(value);
}

template <class Element>
std::uint32_t pack(float low, float high) {
  const Element pair[2] = {rounded<Element>(low), rounded<Element>(high)};
  std::uint32_t packed;
  std::memcpy(&packed, pair, sizeof(packed));
  return packed;
}

template <class Element>
float2 unpack(std::uint32_t packed) {
  Element pair[2];
  std::memcpy(static_cast<void*>(pair), &packed, sizeof(packed));
  return {static_cast<float>(pair[0]), static_cast<float>(pair[1])};
}

template <class Element>
void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  emulated::Product product{d, {}, {}};
  for (int i = 0; i < 4; ++i) {
    const float2 pair = unpack<Element>(a[i]);
    product.a[2 * i] = pair.x;
    product.a[2 * i + 1] = pair.y;
  }
  const float2 low = unpack<Element>(b0), high = unpack<Element>(b1);
  product.b[0] = low.x, product.b[1] = low.y, product.b[2] = high.x, product.b[3] = high.y;
  emulated::multiply_add(product);
}

template <int kThreads, bool kKept = false>
void atomic_add_fragment(float* target, int fragment, int thread, const float (&values)[4]) {
  for (int r = 0; r < 4; ++r) target[(fragment * kThreads + thread) * 4 + r] += values[r];
}

template <int kThreads>
void load_fragment(float (&values)[4], const float* source, int fragment, int thread) {
  for (int r = 0; r < 4; ++r) values[r] = source[(fragment * kThreads + thread) * 4 + r];
}

}  // namespace fvattn::engine::sm80
