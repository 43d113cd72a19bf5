// Inputs whose rows do not start at multiples of 16 bytes: copied once, because neither TMA nor 16-byte copies read them.
#pragma once

#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/plugin/gpu/device.cuh>

#include <cstdint>

namespace fvattn::plugin::gpu {

inline constexpr int kCopyThreads = 256;

struct CopySource {
  const std::uint16_t* data;
  long long batch_stride, row_stride, head_stride;
  int rows, heads, dim;
};

// One block a row: [heads, dim] of it, contiguous in the copy. A template, so that several files may include it.
template <class Word>
__global__ void __launch_bounds__(kCopyThreads) copy_rows_kernel(CopySource from, Word* to) {
  const long long row = blockIdx.x, batch = row / from.rows;
  const Word* source = from.data + batch * from.batch_stride + (row - batch * from.rows) * from.row_stride;
  Word* target = to + row * from.heads * from.dim;
  for (int i = static_cast<int>(threadIdx.x); i < from.heads * from.dim; i += kCopyThreads) {
    target[i] = source[i / from.dim * from.head_stride + i % from.dim];
  }
}

/// A [batch, sequence, heads, dim] input of 16-bit elements that the kernels can read. Keeps the copy alive, if one was
/// made; the log says so (level debug).
class AlignedInput {
 public:
  AlignedInput(const Call& call, const char* name) {
    const fvattn_tensor& t = call.in(name);
    data_ = plugin::data<>(t);
    // The stride of a dimension with one entry is never used; 0 is legal everywhere.
    for (int i = 0; i < 3; ++i) strides_[i] = t.shape[i] <= 1 ? 0 : t.strides[i];
    if (!is_aligned(t)) copy(call, t, name);
  }

  const void* data() const { return data_; }
  int64_t batch_stride() const { return strides_[0]; }
  int64_t row_stride() const { return strides_[1]; }
  int64_t head_stride() const { return strides_[2]; }

 private:
  static bool is_aligned(const fvattn_tensor& t) {
    constexpr int kElementsOf16Bytes = 8;
    bool aligned = reinterpret_cast<std::uintptr_t>(plugin::data<>(t)) % 16 == 0;
    for (int i = 0; i < 3; ++i)
      aligned = aligned && (t.shape[i] <= 1 || (t.strides[i] > 0 && t.strides[i] % kElementsOf16Bytes == 0));
    return aligned;
  }
  void copy(const Call& call, const fvattn_tensor& t, const char* name) {
    const int64_t rows = t.shape[0] * t.shape[1], row_elements = t.shape[2] * t.shape[3];
    copy_ = call.alloc(static_cast<uint64_t>(rows * row_elements) * sizeof(std::uint16_t));
    const CopySource source{plugin::data<const std::uint16_t>(t),
                            strides_[0],
                            strides_[1],
                            strides_[2],
                            static_cast<int>(t.shape[1]),
                            static_cast<int>(t.shape[2]),
                            static_cast<int>(t.shape[3])};
    auto* target = static_cast<std::uint16_t*>(copy_.data());
    check(engine::sm80::launch(copy_rows_kernel<std::uint16_t>, dim3(static_cast<unsigned>(rows)), kCopyThreads, 0,
                               stream_of(call), source, target),
          "copying an input to aligned rows");
    log(FVATTN_LOG_DEBUG, "%s was copied: its strides are no multiples of 16 bytes", name);
    data_ = target;
    strides_[0] = t.shape[1] * row_elements;
    strides_[1] = row_elements;
    strides_[2] = t.shape[3];
  }

  DeviceBuffer copy_;
  const void* data_ = nullptr;
  int64_t strides_[3] = {};
};

}  // namespace fvattn::plugin::gpu
