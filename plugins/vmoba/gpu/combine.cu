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

constexpr int kAtOnce = 4;  // parts whose loads are under way together

/// acc += weight * 8 channels.
template <class Element>
__device__ void add_chunk(float (&acc)[kOfChunk], float weight, const uint4& packed) {
  const std::uint32_t pairs[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = sm80::unpack<Element>(pairs[i]);
    acc[2 * i] = fmaf(weight, pair.x, acc[2 * i]);
    acc[2 * i + 1] = fmaf(weight, pair.y, acc[2 * i + 1]);
  }
}

/// value of lane i of the row.
template <class T>
__device__ T of_part(T value, int lane, int i) {
  return __shfl_sync(0xffffffffu, value, (static_cast<int>(threadIdx.x) % 32 - lane) + i);
}
__device__ float row_max(float value) {
  for (int by = kLanes / 2; by > 0; by /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, by));
  return value;
}
__device__ float row_sum(float value) {
  for (int by = kLanes / 2; by > 0; by /= 2) value += __shfl_xor_sync(0xffffffffu, value, by);
  return value;
}

// 16 lanes a (row, head), heads fastest. All lanes of a warp stay together: votes and shuffles are the warp's.
template <class Element, bool kWeighted>
__global__ void __launch_bounds__(kThreads)
    combine_kernel(Partials parts, Running running, sm80::MutableTensor to, float* lse) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kLanes;
  const int head = static_cast<int>(index % parts.heads), row = static_cast<int>(index / parts.heads);
  const bool real = row < parts.tokens && (parts.form == nullptr || parts.form[head] == 0);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t stride = static_cast<std::int64_t>(parts.heads) * parts.tokens;
  const std::int64_t at_lse = static_cast<std::int64_t>(head) * parts.tokens + row;
  const float* const part_lse = kWeighted ? parts.lse + static_cast<std::int64_t>(head) * parts.rows : nullptr;
  const unsigned of_row = ((1u << kLanes) - 1u) << (static_cast<int>(threadIdx.x) % 32 - lane);

  // The parts from number `first` on, where the row has some: slot is -1 for those that it lacks and those of other passes.
  // True when the list may go on behind them; what lies behind its end is not to be looked at.
  const auto look = [&](int first, bool has, int& slot) {
    slot = has && first + lane < parts.width ? parts.slots[at_lse + (first + lane) * stride] : -1;
    const unsigned ends = __ballot_sync(0xffffffffu, slot < 0) & of_row;
    if (ends != 0 && static_cast<int>(threadIdx.x) % 32 > __ffs(static_cast<int>(ends)) - 1) slot = -1;
    slot -= parts.first_slot;
    if (slot < 0 || slot >= parts.rows) slot = -1;
    return ends == 0;
  };
  const auto lse_of = [&](int slot) { return slot < 0 ? -INFINITY : part_lse[slot]; };

  int slot;
  bool more = look(0, real, slot);
  const bool one = !__any_sync(0xffffffffu, more);  // no row of the warp has more parts than lanes
  float weight = 1, top = 0, total = 0, of_earlier = running.first ? 0.0f : 1.0f;
  if constexpr (kWeighted) {
    const float earlier = real && !running.first ? running.earlier_lse[at_lse] : -INFINITY, own = lse_of(slot);
    top = own;
    for (int first = kLanes; !one && __any_sync(0xffffffffu, more); first += kLanes) {
      int other;
      more = look(first, more, other);
      top = fmaxf(top, lse_of(other));
    }
    top = fmaxf(row_max(top), earlier);
    of_earlier = earlier == -INFINITY ? 0 : expf(earlier - top);
    weight = own == -INFINITY ? 0 : expf(own - top);
    total = weight;
    if (!one) more = look(0, real, slot);
    for (int first = kLanes; !one && __any_sync(0xffffffffu, more); first += kLanes) {
      int other;
      more = look(first, more, other);
      const float of_other = lse_of(other);
      total += of_other == -INFINITY ? 0 : expf(of_other - top);
    }
    total = row_sum(total) + of_earlier;
  }
  const float inverse = !kWeighted ? 1 : total == 0 ? 0 : 1 / total;
  for (int d0 = 0; d0 < parts.dim; d0 += kLanes * kOfChunk) {
    const int d = d0 + lane * kOfChunk;
    const bool mine = real && d < parts.dim;
    float acc[kOfChunk] = {};
    float* const kept = running.values + index * parts.dim + d;  // [row, head] is the order of the index
    if (!running.first && mine) {
#pragma unroll
      for (int i = 0; i < kOfChunk; ++i) acc[i] = of_earlier * kept[i];
    }
    for (int first = 0;; first += kLanes) {
      if (!one) {
        more = look(first, first == 0 ? real : more, slot);
        if constexpr (kWeighted) weight = slot < 0 || lse_of(slot) == -INFINITY ? 0 : expf(lse_of(slot) - top);
      }
      unsigned used = __ballot_sync(0xffffffffu, slot >= 0);
      used = (used | used >> kLanes) & ((1u << kLanes) - 1u);  // of either row of the warp
      for (int first_part = 0; used >> first_part != 0; first_part += kAtOnce) {
        uint4 packed[kAtOnce];
        float part_weight[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
          const int part = of_part(slot, lane, first_part + i);
          part_weight[i] = kWeighted ? of_part(weight, lane, first_part + i) : 1.0f;
          packed[i] = uint4{0, 0, 0, 0};
          if (part >= 0 && mine)
            packed[i] = *reinterpret_cast<const uint4*>(static_cast<const Element*>(parts.data) +
                                                        (std::int64_t{part} * parts.heads + head) * parts.dim + d);
        }
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) add_chunk<Element>(acc, part_weight[i], packed[i]);
      }
      if (one || !__any_sync(0xffffffffu, more)) break;
    }
    if (!mine) continue;
#pragma unroll
    for (int i = 0; i < kOfChunk; ++i) acc[i] *= inverse;
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
    if (result != nullptr && lane == 0 && real) result[at_lse] = total == 0 ? -INFINITY : top + logf(total);
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
