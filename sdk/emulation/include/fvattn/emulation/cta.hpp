// An emulated CTA: every CUDA thread is a fiber; warp instructions and barriers are meeting points. It is built to find
// mistakes, not to be fast:
// - warps run in random order between barriers, CTAs in random order;
// - an asynchronous copy turns its target to NaN at once and lands at a random time between issue and wait, so a missing
//   wait or barrier, or a buffer reused too early, shows in the results;
// - lanes of a warp that meet at different instructions, addresses outside shared memory or not aligned, and a CTA
//   that can make no progress end the program with a message.
// What is not emulated: caches and the memory model (fences do nothing), and timing.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace fvattn::emulation {

/// Runs `body` as every thread of every CTA, in clusters of `cluster_ctas` neighbours along x. One grid at a time in a
/// process; `threads` is a multiple of 32.
void run_grid(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body, int cluster_ctas = 1);

// What follows is called inside `body` only.
int thread_index();
int block_threads();
dim3 block_index();
dim3 grid_size();
unsigned char* shared_memory();

void block_sync();
void warp_sync();
unsigned warp_ballot(bool value);

/// Each lane's 8 bytes at `value` become those of lane source_lane.
void warp_exchange(std::uint64_t& value, int source_lane);

/// value of the lane that `source` names for this lane; T of at most 8 bytes.
template <class T, class Source>
T warp_shuffle(T value, Source source) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  warp_exchange(bits, source(thread_index() % 32));
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

void copy_async(std::uint32_t target, const void* source, int bytes, bool valid);
void copy_async_commit();
void copy_async_wait(int pending);

void load_matrix(std::uint32_t (&out)[4], std::uint32_t address, bool transposed);
void store_matrix(std::uint32_t address, const std::uint32_t (&in)[4], bool transposed);

/// One lane's part of mma.m16n8k16, unpacked.
struct Product {
  float* d;
  float a[8];  // pairs a0..a3
  float b[4];
};
void multiply_add(Product& product);

}  // namespace fvattn::emulation
