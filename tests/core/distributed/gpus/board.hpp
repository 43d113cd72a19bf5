// What connects processes that were forked from one: a page of memory that all of them see. Carries contracts, barriers and
// aborts, and no tensors.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <atomic>
#include <memory>

namespace fvattn::test {

constexpr int kMostRanks = 8;

/// In zeroed memory that was shared before the fork. One for each communicator.
struct Board {
  static constexpr size_t kMostBytes = 1 << 16;
  std::atomic<int> arrived, generation, aborted;
  char reason[1024];
  size_t sizes[kMostRanks];
  char bytes[kMostRanks][kMostBytes];
};

std::shared_ptr<Communicator> make_board_communicator(Board& board, int rank, int size, const CommunicatorOptions& limits);

}  // namespace fvattn::test
