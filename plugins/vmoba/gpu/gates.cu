#include "gates.cuh"

#include "usable_gate.cuh"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {
namespace {

constexpr int kPlaces = 64, kPitch = kPlaces + 1;  // an odd pitch: neither filling nor reading meets a bank twice
constexpr int kWarps = 4, kThreads = 32 * kWarps;
constexpr int kOfWarp = 8;  // chunks that a warp works on at a time, for two places a lane

// One block 64 places of one head, which may be of several sequences.
template <class Element>
__global__ void __launch_bounds__(kThreads)
    gates_kernel(Chunks chunks, EntryRows<Element> q, int group, const double* means, GateStore gates) {
  float* const tile = reinterpret_cast<float*>(engine::sm80::shared_memory());  // [dim][kPitch]
  const int first = static_cast<int>(blockIdx.x) * kPlaces, head = static_cast<int>(blockIdx.y),
            thread = static_cast<int>(threadIdx.x);
  const int warp = thread / 32, lane = thread % 32, last = engine::smaller(chunks.tokens, first + kPlaces) - 1;
  for (int i = thread; i < kPlaces * q.dim; i += kThreads) {
    const int place = engine::smaller(first + i / q.dim, last), d = i % q.dim;
    tile[d * kPitch + i / q.dim] = static_cast<float>(q.row(chunks.map.places.row_of(place), head)[d]);
  }
  __syncthreads();
  const double* const of_head = means + static_cast<long long>(head / group) * chunks.map.count * q.dim;
  int begin = chunks.sequence_chunks[chunks.sequence_of[chunks.chunk_of(first)]];
  while (true) {
    const int end = chunks.sequence_chunks[chunks.sequence_of[begin] + 1];
    const int first_place = chunks.map.starts[begin], end_place = chunks.map.starts[end];
    for (int c0 = begin + warp * kOfWarp; c0 < end; c0 += kWarps * kOfWarp) {
      double sums[kOfWarp][2] = {};
      const double* mean[kOfWarp];
#pragma unroll
      for (int c = 0; c < kOfWarp; ++c) mean[c] = of_head + static_cast<long long>(engine::smaller(c0 + c, end - 1)) * q.dim;
      for (int d = 0; d < q.dim; ++d) {
        const double left = tile[d * kPitch + lane], right = tile[d * kPitch + lane + 32];
#pragma unroll
        for (int c = 0; c < kOfWarp; ++c) {
          const double m = mean[c][d];
          sums[c][0] += left * m;
          sums[c][1] += right * m;
        }
      }
#pragma unroll
      for (int c = 0; c < kOfWarp; ++c) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int place = first + lane + 32 * i;
          if (c0 + c < end && place >= first_place && place < end_place && place <= last)
            gates.data[gates.index(c0 + c - begin, head, place)] = usable_gate(sums[c][i]);
        }
      }
    }
    if (end_place > last || end >= chunks.sequence_chunks[chunks.sequences]) break;
    begin = end;
  }
}

}  // namespace

template <class Element>
cudaError_t compute_gates(const Chunks& chunks, const EntryRows<Element>& q, int group, const double* means,
                          const GateStore& gates, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(chunks.tokens, kPlaces)), static_cast<unsigned>(gates.heads));
  const auto bytes = static_cast<std::size_t>(q.dim) * kPitch * sizeof(float);
  return engine::sm80::launch(gates_kernel<Element>, grid, kThreads, bytes, stream, chunks, q, group, means, gates);
}

template cudaError_t compute_gates(const Chunks&, const EntryRows<__nv_bfloat16>&, int, const double*, const GateStore&,
                                   cudaStream_t);
template cudaError_t compute_gates(const Chunks&, const EntryRows<__half>&, int, const double*, const GateStore&,
                                   cudaStream_t);

}  // namespace vmoba::gpu
