// Tensor maps: how TMA sees a [batch, tokens, heads, channels] tensor. Host code; about 1 us a map.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace fvattn::engine::sm90 {

// A 16-bit tensor of up to 5 dimensions, innermost first. strides_bytes[i] separates entries of dimension i + 1.
// TMA asks: base and strides multiples of 16 bytes, strides below 2^40, box[0] * 2 at most 128 bytes (the swizzle).
struct TensorMapSpec {
  const void* base = nullptr;
  int rank = 0;
  std::uint64_t dims[5] = {};
  std::uint64_t strides_bytes[4] = {};
  std::uint32_t box[5] = {};
  bool bfloat16 = true;
};

using TensorMapEncoder = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                      const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                                      CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// The driver's encoder, found through the runtime so that nothing links libcuda. Null when the driver lacks it.
inline TensorMapEncoder tensor_map_encoder() {
  static const TensorMapEncoder encoder = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found);
    return error == cudaSuccess && found == cudaDriverEntryPointSuccess ? reinterpret_cast<TensorMapEncoder>(entry)
                                                                        : nullptr;
  }();
  return encoder;
}

// 128-byte swizzle, zeros out of range. False when the driver refuses the shape or has no TMA.
inline bool encode_tensor_map(const TensorMapSpec& spec, CUtensorMap& out) {
  const TensorMapEncoder encode = tensor_map_encoder();
  if (encode == nullptr) return false;
  const cuuint32_t element_strides[5] = {1, 1, 1, 1, 1};
  const auto type = spec.bfloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  return encode(&out, type, static_cast<cuuint32_t>(spec.rank), const_cast<void*>(spec.base), spec.dims,
                spec.strides_bytes, spec.box, element_strides, CU_TENSOR_MAP_INTERLEAVE_NONE,
                CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

} // namespace fvattn::engine::sm90
