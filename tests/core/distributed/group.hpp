// P threads that play the ranks of one group, and tensors whose elements say where they come from.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <cstring>
#include <functional>
#include <thread>
#include <vector>

namespace fvattn::test {

using Group = std::vector<std::shared_ptr<Communicator>>;

/// Runs `body` on one thread for each rank and waits for all. Exceptions end the test program: bodies catch their own.
inline void on_ranks(const Group& group, const std::function<void(Communicator&)>& body) {
  std::vector<std::thread> threads;
  for (const auto& rank : group) threads.emplace_back([&body, rank] { body(*rank); });
  for (std::thread& thread : threads) thread.join();
}

/// [batches, rows, heads, 2] of int32, optionally with gaps between rows and batches.
struct Tensor {
  static constexpr int64_t kHeadBytes = 8;
  int64_t batches, rows, heads, row_gap, batch_gap;
  std::vector<int32_t> memory;

  Tensor(int64_t b, int64_t r, int64_t h, int64_t gap = 0)
      : batches(b), rows(r), heads(h), row_gap(gap), batch_gap(3 * gap),
        memory(static_cast<size_t>(b * (r * (2 * h + gap) + 3 * gap) + 1), -1) {}
  int64_t row_stride() const { return 2 * heads + row_gap; }
  int64_t batch_stride() const { return rows * row_stride() + batch_gap; }
  int32_t& at(int64_t b, int64_t r, int64_t h, int64_t d) {
    return memory[static_cast<size_t>(b * batch_stride() + r * row_stride() + 2 * h + d)];
  }
  Layout layout() {
    return {reinterpret_cast<std::byte*>(memory.data()), batches, rows, heads, kHeadBytes, 4 * row_stride(),
            4 * batch_stride()};
  }
};

/// The element (b, global row, global head, d) of tensor number t.
inline int32_t encode(int64_t t, int64_t b, int64_t row, int64_t head, int64_t d) {
  return static_cast<int32_t>((((t * 4 + b) * 1000 + row) * 64 + head) * 2 + d);
}

}  // namespace fvattn::test
