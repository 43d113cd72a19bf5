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

template <class Unit>
FVATTN_SLOTS_FUNCTION void copy_rows(const Job& job, const std::byte* source, std::byte* target, int64_t first, int64_t last,
                                     int lane, int lanes) {
  const int64_t units = job.bytes / static_cast<int64_t>(sizeof(Unit)), count = (last - first) * units;
#ifdef __CUDA_ARCH__
#pragma unroll 4
#endif
  for (int64_t i = lane; i < count; i += lanes) {
    const int64_t row = first + i / units, unit = i % units, b = row / job.rows, r = row % job.rows;
    const auto* from = reinterpret_cast<const Unit*>(source + b * job.source_batch + r * job.source_row);
    auto* to = reinterpret_cast<Unit*>(target + b * job.target_batch + r * job.target_row);
    to[unit] = from[unit];
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
