// What one rank stores into the memory of another: rows of bytes, and who copies which of them.
#pragma once

#include "distributed/slots/protocol.hpp"

#include <cstddef>
#include <cstdint>

namespace fvattn::peer {

/// A rectangle of rows. Strides in bytes. With slots, the side that lies in one moves by `*_slot` bytes for each slot.
struct Job {
  const std::byte* source;
  std::byte* target;
  int64_t source_slot, target_slot;
  int64_t batches, rows, bytes;  // bytes: of one row
  int64_t source_row, source_batch, target_row, target_batch;
};

/// 16 bytes that move at once.
struct alignas(16) Wide {
  uint32_t word[4];
};

// Loads of one thread that are under way before it stores the first of them: 64 KB of 512 threads.
constexpr int kFlying = 8;

/// Where one of the threads that share a job's rows is: it goes on by as many units as there are threads, without a
/// division. Rows, and units of a row, are fewer than 2^31.
struct Cursor {
  int32_t batch, row, unit;
  int32_t step_rows, step_units;

  FVATTN_SLOTS_FUNCTION Cursor(const Job& job, int32_t units, int64_t first_row, int lane, int lanes) {
    const int64_t at = first_row + lane / units;
    batch = static_cast<int32_t>(at / job.rows);
    row = static_cast<int32_t>(at % job.rows);
    unit = lane % units;
    step_rows = lanes / units;
    step_units = lanes % units;
  }
  FVATTN_SLOTS_FUNCTION void advance(int32_t rows, int32_t units) {
    unit += step_units;
    row += step_rows;
    if (unit >= units) {
      unit -= units;
      ++row;
    }
    while (row >= rows) {
      row -= rows;
      ++batch;
    }
  }
  FVATTN_SLOTS_FUNCTION int64_t source(const Job& job) const { return batch * job.source_batch + row * job.source_row; }
  FVATTN_SLOTS_FUNCTION int64_t target(const Job& job) const { return batch * job.target_batch + row * job.target_row; }
};

template <class Unit>
FVATTN_SLOTS_FUNCTION void copy_rows(const Job& job, const std::byte* source, std::byte* target, int64_t first, int64_t last,
                                     int lane, int lanes) {
  const auto units = static_cast<int32_t>(job.bytes / static_cast<int64_t>(sizeof(Unit))),
             rows = static_cast<int32_t>(job.rows);
  const int64_t count = (last - first) * units;
  if (lane >= count) return;
  Cursor at(job, units, first, lane, lanes);
  int64_t i = lane;
  for (; i + (kFlying - 1) * int64_t{lanes} < count; i += kFlying * int64_t{lanes}) {
    Unit loaded[kFlying];
    Unit* to[kFlying];
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < kFlying; ++k) {
      loaded[k] = reinterpret_cast<const Unit*>(source + at.source(job))[at.unit];
      to[k] = reinterpret_cast<Unit*>(target + at.target(job)) + at.unit;
      at.advance(rows, units);
    }
#ifdef __CUDA_ARCH__
#pragma unroll
#endif
    for (int k = 0; k < kFlying; ++k) *to[k] = loaded[k];
  }
  for (; i < count; i += lanes) {
    reinterpret_cast<Unit*>(target + at.target(job))[at.unit] =
        reinterpret_cast<const Unit*>(source + at.source(job))[at.unit];
    at.advance(rows, units);
  }
}

/// The part of `writer` among `writers`: a stretch of rows; `lane` of `lanes` threads copies every lanes-th unit of it.
FVATTN_SLOTS_FUNCTION void copy_part(const Job& job, int slot, int writer, int writers, int lane, int lanes) {
  const int64_t all = job.batches * job.rows, first = all * writer / writers, last = all * (writer + 1) / writers;
  const std::byte* source = job.source + slot * job.source_slot;
  std::byte* target = job.target + slot * job.target_slot;
  const int64_t distances = job.bytes | job.source_row | job.source_batch | job.target_row | job.target_batch |
                            reinterpret_cast<intptr_t>(source) | reinterpret_cast<intptr_t>(target);
  if (distances % 16 == 0) {
    copy_rows<Wide>(job, source, target, first, last, lane, lanes);
  } else if (distances % 4 == 0) {
    copy_rows<uint32_t>(job, source, target, first, last, lane, lanes);
  } else {
    copy_rows<std::byte>(job, source, target, first, last, lane, lanes);
  }
}

}  // namespace fvattn::peer
