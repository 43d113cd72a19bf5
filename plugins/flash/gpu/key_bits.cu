#include "key_bits.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace flash::gpu {
namespace {

constexpr int kThreads = 1024;

struct MaskRows {
  const void* data;
  long long batch_stride, stride;  // elements
  int length, words;
};

// One block a batch entry: a warp's ballot is a word.
template <class T>
__global__ void __launch_bounds__(kThreads) key_bits_kernel(MaskRows mask, std::uint32_t* valid, fvattn::engine::KeyRange* ranges) {
  __shared__ int first, end;
  if (threadIdx.x == 0) {
    first = mask.length;
    end = 0;
  }
  __syncthreads();
  const T* row = static_cast<const T*>(mask.data) + blockIdx.x * mask.batch_stride;
  for (int key = static_cast<int>(threadIdx.x); key < mask.words * 32; key += kThreads) {
    const bool seen = key < mask.length && row[key * mask.stride] != 0;
    const unsigned word = __ballot_sync(0xFFFFFFFFu, seen);
    if (threadIdx.x % 32 == 0) valid[static_cast<long long>(blockIdx.x) * mask.words + key / 32] = word;
    if (seen) {
      atomicMin(&first, key);
      atomicMax(&end, key + 1);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) ranges[blockIdx.x] = {end == 0 ? 0 : first, end};
}

template <class T>
cudaError_t launch(const MaskRows& mask, const KeyBits& bits, int batch, cudaStream_t stream) {
  return fvattn::engine::sm80::launch(key_bits_kernel<T>, dim3(static_cast<unsigned>(batch)), kThreads, 0, stream, mask, bits.valid,
                                      bits.ranges);
}

}  // namespace

cudaError_t fill_key_bits(const fvattn_problem& p, const fvattn_tensor& mask, const KeyBits& bits, cudaStream_t stream) {
  const bool per_batch = mask.ndim > 1 && mask.shape[0] > 1;
  const MaskRows rows{static_cast<const char*>(mask.data) + mask.byte_offset, per_batch ? mask.strides[0] : 0,
                      mask.strides[mask.ndim - 1], static_cast<int>(p.kv_len), bits.words};
  const int batch = static_cast<int>(p.batch);
  switch (mask.dtype_bits) {
    case 8: return launch<std::uint8_t>(rows, bits, batch, stream);
    case 32: return launch<std::int32_t>(rows, bits, batch, stream);
    default: return launch<std::int64_t>(rows, bits, batch, stream);
  }
}

}  // namespace flash::gpu
