// An emulated CTA: every CUDA thread is a fiber; warp instructions and barriers are meeting points. It is built to find
// mistakes, not to be fast:
// - warps run in random order between barriers, CTAs in random order;
// - an asynchronous copy turns its target to NaN at once and lands at a random time between issue and wait, so a missing
//   wait or barrier, or a buffer reused too early, shows in the results;
// - lanes of a warp that meet at different instructions, addresses outside shared memory or not aligned, and a CTA
//   that can make no progress end the program with a message.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace fvattn::engine::sm80::test::emulation {

/// Runs `body` as every thread of every CTA. One grid at a time in a process.
void run_grid(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body);

// What follows is called inside `body` only.
int thread_index();
dim3 block_index();
dim3 grid_size();
unsigned char* shared_memory();

void block_sync();
void warp_sync();
bool warp_any(bool value);
float warp_shuffle_xor(float value, int lane_mask);

void copy_async(std::uint32_t target, const void* source, int bytes, bool valid);
void copy_async_commit();
void copy_async_wait(int pending);

void load_matrix(std::uint32_t (&out)[4], std::uint32_t address, bool transposed);

/// One lane's part of mma.m16n8k16, unpacked.
struct Product {
  float* d;
  float a[8];  // pairs a0..a3
  float b[4];
};
void multiply_add(Product& product);

}  // namespace fvattn::engine::sm80::test::emulation
