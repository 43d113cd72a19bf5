// The small tensors that have one row for each block, as kernels see them.
#pragma once

#include "blocks_policy.hpp"

#include <fvattn/engine/sm80/epilogue.cuh>
#include <fvattn/engine/sm80/tensor.hpp>

namespace vsa::gpu {

namespace sm80 = engine::sm80;

/// Row of a tensor whose channels are contiguous.
template <class Element>
__device__ __forceinline__ const Element* row_at(const sm80::ConstTensor& t, int batch, long long row, int head) {
  return static_cast<const Element*>(t.data) + batch * t.batch_stride + row * t.row_stride + head * t.head_stride;
}
template <class Element>
__device__ __forceinline__ Element* row_at(const sm80::MutableTensor& t, int batch, long long row, int head) {
  return static_cast<Element*>(t.data) + batch * t.batch_stride + row * t.row_stride + head * t.head_stride;
}

/// Eight neighbouring elements.
template <class Element>
__device__ __forceinline__ void load_8(float (&values)[8], const Element* from) {
  const uint4 packed = *reinterpret_cast<const uint4*>(from);
  const std::uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = sm80::unpack<Element>(words[i]);
    values[2 * i] = pair.x, values[2 * i + 1] = pair.y;
  }
}
template <class Element>
__device__ __forceinline__ void store_8(Element* to, const float (&values)[8]) {
  *reinterpret_cast<uint4*>(to) = {sm80::pack<Element>(values[0], values[1]), sm80::pack<Element>(values[2], values[3]),
                                   sm80::pack<Element>(values[4], values[5]), sm80::pack<Element>(values[6], values[7])};
}
template <class Element>
__device__ __forceinline__ float2 load_2(const Element* from) {
  return sm80::unpack<Element>(*reinterpret_cast<const std::uint32_t*>(from));
}

}  // namespace vsa::gpu
