#include "aligned.cuh"

#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/plugin/cuda.hpp>

#include <cstdint>

namespace flash::gpu {

using namespace fvattn::plugin;

namespace {

constexpr int kThreads = 256;
constexpr int kElementsOf16Bytes = 8;

struct Source {
  const std::uint16_t* data;
  long long batch_stride, row_stride, head_stride;
  int rows, heads, dim;
};

// One block a row: [heads, dim] of it, contiguous in the copy.
__global__ void __launch_bounds__(kThreads) copy_rows_kernel(Source from, std::uint16_t* to) {
  const long long row = blockIdx.x, batch = row / from.rows;
  const std::uint16_t* source = from.data + batch * from.batch_stride + (row - batch * from.rows) * from.row_stride;
  std::uint16_t* target = to + row * from.heads * from.dim;
  for (int i = static_cast<int>(threadIdx.x); i < from.heads * from.dim; i += kThreads) {
    target[i] = source[i / from.dim * from.head_stride + i % from.dim];
  }
}

bool is_aligned(const fvattn_tensor& t) {
  bool aligned = reinterpret_cast<std::uintptr_t>(data<>(t)) % 16 == 0;
  for (int i = 0; i < 3; ++i) aligned = aligned && (t.shape[i] <= 1 || (t.strides[i] > 0 && t.strides[i] % kElementsOf16Bytes == 0));
  return aligned;
}

// The stride of a dimension with one entry is never used; 0 is legal everywhere.
int64_t used_stride(const fvattn_tensor& t, int i) { return t.shape[i] <= 1 ? 0 : t.strides[i]; }

}  // namespace

AlignedInput::AlignedInput(const Call& call, const char* name) : data_(nullptr), strides_{} {
  const fvattn_tensor& t = call.in(name);
  data_ = fvattn::plugin::data<>(t);
  for (int i = 0; i < 3; ++i) strides_[i] = used_stride(t, i);
  if (is_aligned(t)) return;
  const int64_t rows = t.shape[0] * t.shape[1], row_elements = t.shape[2] * t.shape[3];
  copy_ = call.alloc(static_cast<uint64_t>(rows * row_elements) * sizeof(std::uint16_t));
  const Source source{fvattn::plugin::data<const std::uint16_t>(t), strides_[0], strides_[1], strides_[2],
                      static_cast<int>(t.shape[1]), static_cast<int>(t.shape[2]), static_cast<int>(t.shape[3])};
  auto* target = static_cast<std::uint16_t*>(copy_.data());
  check(fvattn::engine::sm80::launch(copy_rows_kernel, dim3(static_cast<unsigned>(rows)), kThreads, 0,
                                     static_cast<cudaStream_t>(call.stream()), source, target),
        "copying an input to aligned rows");
  log(FVATTN_LOG_DEBUG, "%s was copied: its strides are no multiples of 16 bytes", name);
  data_ = target;
  strides_[0] = t.shape[1] * row_elements;
  strides_[1] = row_elements;
  strides_[2] = t.shape[3];
}

}  // namespace flash::gpu
