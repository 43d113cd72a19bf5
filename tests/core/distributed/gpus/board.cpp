#include "board.hpp"

#include <fvattn/distributed/transport.hpp>

#include <cstring>
#include <thread>

namespace fvattn::test {
namespace {

constexpr int kWrites = 1, kWritten = 2;

class BoardCommunicator final : public Communicator {
 public:
  BoardCommunicator(Board& board, int rank, int size, const CommunicatorOptions& limits)
      : board_(board), rank_(rank), size_(size), limits_(limits) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  const std::string& name() const override {
    static const std::string name = "board";
    return name;
  }
  const std::string& fallback_reason() const override {
    static const std::string none;
    return none;
  }
  bool moves_device_memory() const override { return false; }
  Status exchange(const Exchange&) override { return Status::error(Code::internal, "a board moves no tensors"); }

  Result<std::vector<Contract>> gather_contracts(const Contract& mine) override {
    const std::string bytes = to_bytes(mine);
    if (bytes.size() > Board::kMostBytes) return Status::error(Code::internal, "the contract is too long for a board");
    const auto me = static_cast<size_t>(rank_);
    board_.sizes[me] = bytes.size();
    std::memcpy(board_.bytes[me], bytes.data(), bytes.size());
    if (Status status = barrier(); !status.ok()) return status;
    std::vector<Contract> all;
    for (size_t r = 0; r < static_cast<size_t>(size_); ++r)
      all.push_back(contract_from_bytes({board_.bytes[r], board_.sizes[r]}).value());
    if (Status status = barrier(); !status.ok()) return status;
    return all;
  }

  Status barrier() override {
    const auto end = std::chrono::steady_clock::now() + std::max(limits_.timeout, limits_.warm_up_timeout);
    const int mine = board_.generation;
    if (board_.arrived.fetch_add(1) + 1 == size_) {
      board_.arrived = 0;
      ++board_.generation;
    }
    while (board_.generation == mine) {
      if (board_.aborted == kWritten) return Status::error(Code::unavailable, board_.reason);
      if (std::chrono::steady_clock::now() > end)
        return Status::error(Code::unavailable, "rank " + std::to_string(rank_) + " waited at the board in vain");
      std::this_thread::yield();
    }
    return {};
  }

  void abort(const std::string& reason) override {
    int nobody = 0;
    if (!board_.aborted.compare_exchange_strong(nobody, kWrites)) return;  // the first reason stays
    const std::string text = "rank " + std::to_string(rank_) + " aborted: " + reason;
    std::strncpy(board_.reason, text.c_str(), sizeof board_.reason - 1);
    board_.aborted = kWritten;
  }
  CommunicatorStats stats() const override { return {}; }

 private:
  Board& board_;
  const int rank_, size_;
  const CommunicatorOptions limits_;
};

}  // namespace

std::shared_ptr<Communicator> make_board_communicator(Board& board, int rank, int size, const CommunicatorOptions& limits) {
  return std::make_shared<BoardCommunicator>(board, rank, size, limits);
}

}  // namespace fvattn::test
