#include "combine.cuh"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

#include <cmath>

namespace vmoba::gpu {

namespace sm80 = fvattn::engine::sm80;

namespace {

constexpr int kThreads = 256, kLanes = 16;  // lanes of a row: 8 channels each at a time
constexpr int kRows = kThreads / kLanes, kOfChunk = sm80::kChunkElements;

/// acc += weight * the 8 channels at `from`.
template <class Element>
__device__ void add_chunk(float (&acc)[kOfChunk], float weight, const Element* from) {
  const uint4 packed = *reinterpret_cast<const uint4*>(from);
  const std::uint32_t pairs[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = sm80::unpack<Element>(pairs[i]);
    acc[2 * i] = fmaf(weight, pair.x, acc[2 * i]);
    acc[2 * i + 1] = fmaf(weight, pair.y, acc[2 * i + 1]);
  }
}

/// The slots of a row that belong to the pass: [begin, end) of its list.
struct Part {
  int begin, end;
};

// 16 lanes a (row, head), heads fastest.
template <class Element, bool kWeighted>
__global__ void __launch_bounds__(kThreads)
    combine_kernel(Partials parts, Running running, sm80::MutableTensor to, float* lse) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kLanes;
  if (index >= static_cast<std::int64_t>(parts.tokens) * parts.heads) return;
  const int head = static_cast<int>(index % parts.heads), row = static_cast<int>(index / parts.heads);
  if (parts.form != nullptr && parts.form[head] != 0) return;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t stride = static_cast<std::int64_t>(parts.heads) * parts.tokens;
  const std::int64_t at_lse = static_cast<std::int64_t>(head) * parts.tokens + row;
  const int* const slots = parts.slots + at_lse;
  Part part{0, 0};
  while (part.begin < parts.width && slots[part.begin * stride] >= 0 && slots[part.begin * stride] < parts.first_slot)
    ++part.begin;
  part.end = part.begin;
  while (part.end < parts.width && slots[part.end * stride] >= 0 && slots[part.end * stride] < parts.first_slot + parts.rows)
    ++part.end;
  const auto slot = [&](int i) { return slots[i * stride] - parts.first_slot; };

  const float* const part_lse = kWeighted ? parts.lse + static_cast<std::int64_t>(head) * parts.rows : nullptr;
  const float earlier = kWeighted && !running.first ? running.earlier_lse[at_lse] : -INFINITY;
  float top = earlier, total = 0, of_earlier = running.first ? 0.0f : 1.0f;
  if constexpr (kWeighted) {
    for (int i = part.begin; i < part.end; ++i) top = fmaxf(top, part_lse[slot(i)]);
    of_earlier = earlier == -INFINITY ? 0 : expf(earlier - top);
    total = of_earlier;
    for (int i = part.begin; i < part.end; ++i) {
      if (part_lse[slot(i)] != -INFINITY) total += expf(part_lse[slot(i)] - top);
    }
  }
  const float inverse = !kWeighted ? 1 : total == 0 ? 0 : 1 / total;
  for (int d = lane * kOfChunk; d < parts.dim; d += kLanes * kOfChunk) {
    float acc[kOfChunk] = {};
    float* const kept = running.values + index * parts.dim + d;  // [row, head] is the order of the index
    if (!running.first) {
#pragma unroll
      for (int i = 0; i < kOfChunk; ++i) acc[i] = of_earlier * inverse * kept[i];
    }
    for (int i = part.begin; i < part.end; ++i) {
      float weight = 1;
      if constexpr (kWeighted) weight = part_lse[slot(i)] == -INFINITY ? 0 : expf(part_lse[slot(i)] - top) * inverse;
      const auto at = (static_cast<std::int64_t>(slot(i)) * parts.heads + head) * parts.dim + d;
      add_chunk<Element>(acc, weight, static_cast<const Element*>(parts.data) + at);
    }
    if (!running.last) {
#pragma unroll
      for (int i = 0; i < kOfChunk; ++i) kept[i] = acc[i];
      continue;
    }
    uint4 packed;
    packed.x = sm80::pack<Element>(acc[0], acc[1]);
    packed.y = sm80::pack<Element>(acc[2], acc[3]);
    packed.z = sm80::pack<Element>(acc[4], acc[5]);
    packed.w = sm80::pack<Element>(acc[6], acc[7]);
    *reinterpret_cast<uint4*>(static_cast<Element*>(to.data) + row * to.row_stride + head * to.head_stride + d) = packed;
  }
  if constexpr (kWeighted) {
    float* const result = running.last ? lse : running.later_lse;
    if (result != nullptr && lane == 0) result[at_lse] = total == 0 ? -INFINITY : top + logf(total);
  }
}

dim3 grid_of(const Partials& parts) {
  return dim3(static_cast<unsigned>((static_cast<std::int64_t>(parts.tokens) * parts.heads + kRows - 1) / kRows));
}

}  // namespace

template <class Element>
cudaError_t combine_outputs(const Partials& parts, const Running& running, const sm80::MutableTensor& o, float* lse,
                            cudaStream_t stream) {
  return sm80::launch(combine_kernel<Element, true>, grid_of(parts), kThreads, 0, stream, parts, running, o, lse);
}

template <class Element>
cudaError_t sum_gradients(const Partials& parts, const Running& running, const sm80::MutableTensor& d_q,
                          cudaStream_t stream) {
  float* const none = nullptr;
  return sm80::launch(combine_kernel<Element, false>, grid_of(parts), kThreads, 0, stream, parts, running, d_q, none);
}

template cudaError_t combine_outputs<__nv_bfloat16>(const Partials&, const Running&, const sm80::MutableTensor&, float*,
                                                    cudaStream_t);
template cudaError_t combine_outputs<__half>(const Partials&, const Running&, const sm80::MutableTensor&, float*,
                                             cudaStream_t);
template cudaError_t sum_gradients<__nv_bfloat16>(const Partials&, const Running&, const sm80::MutableTensor&, cudaStream_t);
template cudaError_t sum_gradients<__half>(const Partials&, const Running&, const sm80::MutableTensor&, cudaStream_t);

}  // namespace vmoba::gpu
