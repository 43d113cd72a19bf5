// What Hopper adds to the emulated CTA (cta.hpp): clusters, mbarriers, the tensor copy engine, warpgroup products.
// - A load turns its target to NaN at once and lands at a random time; a store reads its source at a random time before
//   the wait for it; a product reads its operands at a random time between issue and wait, and its accumulators are NaN
//   until the wait. So a stage that is freed or overwritten too early shows in the results.
// - An mbarrier that gets one arrival too many, coordinates and tensor maps that the hardware refuses, and registers
//   of a warpgroup's threads that disagree end the program with a message.
#pragma once

#include <cuda.h>

#include <cstddef>
#include <cstdint>

namespace fvattn::emulation {

void mbarrier_init(std::uint32_t address, std::uint32_t arrivals);
void mbarrier_arrive(std::uint32_t address, int cta_rank);  // -1: this CTA's
void mbarrier_expect(std::uint32_t address, std::uint32_t bytes);
void mbarrier_wait(std::uint32_t address, std::uint32_t parity);
bool mbarrier_test(std::uint32_t address, std::uint32_t parity); // no where mbarrier_wait would wait, and at times too late

int cluster_rank();
void cluster_arrive();
void cluster_wait();

void named_barrier(int id, int threads, bool wait);

/// coords: innermost first, as many as the map has dimensions. cta_mask 0: this CTA alone.
void tensor_load(std::uint32_t target, const CUtensorMap* map, std::uint32_t mbarrier, const int* coords, int rank,
                 std::uint32_t cta_mask);
void tensor_store(const CUtensorMap* map, std::uint32_t source, const int* coords, int rank);
/// bytes of shared memory added as float32 to global memory.
void bulk_reduce_add(float* target, std::uint32_t source, std::uint32_t bytes);
void bulk_wait_read();

/// One thread's part of wgmma m64 n16k: `d` has columns / 2 values. A comes from 4 registers at `a`, or by descriptor.
struct WarpgroupProduct {
  float* d;
  int columns;
  const std::uint32_t* a;
  std::uint64_t a_descriptor, b_descriptor;
  bool b_mn_major;
  bool accumulate;
  bool bfloat16;
  bool a_mn_major = false; // of a descriptor
};
void wgmma(const WarpgroupProduct& product);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int pending);

}  // namespace fvattn::emulation
