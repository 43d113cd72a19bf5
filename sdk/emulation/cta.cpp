// The instructions of a warp that sm80 has: shuffles, cp.async, ldmatrix (and sm90's stmatrix), mma.
#include "scheduler.hpp"

#include <cstring>

namespace fvattn::emulation {

namespace {

void land(const Copy& copy) {
  unsigned char* const target = my_cta().shared + copy.target;
  if (copy.valid) std::memcpy(target, copy.source, static_cast<std::size_t>(copy.bytes));
  else std::memset(target, 0, static_cast<std::size_t>(copy.bytes));
}

struct MatrixSlot {
  std::uint32_t* registers;
  std::uint32_t address;
  bool transposed;
};

/// The 8x8 values of matrix `matrix`, whose rows lanes matrix * 8 ... + 7 name, as the lanes hold them.
template <class Move>
void for_pairs(std::span<void* const> slots, int matrix, Move move) {
  for (int lane = 0; lane < kWarpThreads; ++lane) {
    const MatrixSlot& mine = *static_cast<MatrixSlot*>(slots[static_cast<std::size_t>(lane)]);
    for (int half = 0; half < 2; ++half) {
      const int row = mine.transposed ? lane % 4 * 2 + half : lane / 4, column = mine.transposed ? lane / 4 : lane % 4 * 2 + half;
      const auto& of_row = *static_cast<MatrixSlot*>(slots[static_cast<std::size_t>(matrix * 8 + row)]);
      unsigned char* at = my_cta().shared + of_row.address + column * 2;
      move(reinterpret_cast<unsigned char*>(mine.registers + matrix) + half * 2, at);
    }
  }
}

}  // namespace

unsigned warp_ballot(bool value) {
  struct Slot {
    bool value;
    unsigned all;
  } slot{value, 0};
  meet_warp(
      [](std::span<void* const> slots) {
        unsigned all = 0;
        for (std::size_t lane = 0; lane < slots.size(); ++lane) all |= static_cast<unsigned>(static_cast<Slot*>(slots[lane])->value) << lane;
        for (void* lane : slots) static_cast<Slot*>(lane)->all = all;
      },
      &slot, "a vote of the warp");
  return slot.all;
}

void warp_exchange(std::uint64_t& value, int source_lane) {
  struct Slot {
    std::uint64_t value, result;
    int source;
  } slot{value, 0, source_lane};
  meet_warp(
      [](std::span<void* const> slots) {
        for (void* lane : slots) {
          Slot& mine = *static_cast<Slot*>(lane);
          mine.result = static_cast<Slot*>(slots[static_cast<std::size_t>(mine.source)])->value;
        }
      },
      &slot, "a shuffle");
  value = slot.result;
}

void copy_async(std::uint32_t target, const void* source, int bytes, bool valid) {
  check_shared(target, static_cast<std::size_t>(bytes), static_cast<std::uint32_t>(bytes), "cp.async to a bad shared address");
  if (reinterpret_cast<std::uintptr_t>(source) % static_cast<unsigned>(bytes) != 0) fail("cp.async from a bad address");
  const Copy copy{target, source, bytes, valid, self().copy_group};
  std::memset(my_cta().shared + target, 0xff, static_cast<std::size_t>(bytes));
  if (once_in(4)) land(copy);
  else self().copies.push_back(copy);
}

void copy_async_commit() { ++self().copy_group; }

void copy_async_wait(int pending) {
  auto& copies = self().copies;
  while (!copies.empty() && copies.front().group < self().copy_group - pending) {
    land(copies.front());
    copies.pop_front();
  }
}

void load_matrix(std::uint32_t (&out)[4], std::uint32_t address, bool transposed) {
  MatrixSlot slot{out, address, transposed};
  check_shared(address, 16, 16, "ldmatrix from a bad shared address");
  meet_warp(
      [](std::span<void* const> slots) {
        for (int matrix = 0; matrix < 4; ++matrix)
          for_pairs(slots, matrix, [](unsigned char* mine, const unsigned char* at) { std::memcpy(mine, at, 2); });
      },
      &slot, "ldmatrix");
}

void store_matrix(std::uint32_t address, const std::uint32_t (&in)[4], bool transposed) {
  std::uint32_t values[4] = {in[0], in[1], in[2], in[3]};
  MatrixSlot slot{values, address, transposed};
  check_shared(address, 16, 16, "stmatrix to a bad shared address");
  meet_warp(
      [](std::span<void* const> slots) {
        for (int matrix = 0; matrix < 4; ++matrix)
          for_pairs(slots, matrix, [](const unsigned char* mine, unsigned char* at) { std::memcpy(at, mine, 2); });
      },
      &slot, "stmatrix");
}

void multiply_add(Product& product) {
  // PTX ISA, "Matrix Fragments for mma.m16n8k16".
  meet_warp(
      [](std::span<void* const> slots) {
        float a[16][16], b[16][8];
        for (int lane = 0; lane < kWarpThreads; ++lane) {
          const Product& mine = *static_cast<Product*>(slots[static_cast<std::size_t>(lane)]);
          const int group = lane / 4, in_group = lane % 4;
          for (int i = 0; i < 8; ++i) {
            const int row = group + ((i >= 2 && i < 4) || i >= 6 ? 8 : 0);
            a[row][in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0)] = mine.a[i];
          }
          for (int i = 0; i < 4; ++i) b[in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0)][group] = mine.b[i];
        }
        for (int lane = 0; lane < kWarpThreads; ++lane) {
          Product& mine = *static_cast<Product*>(slots[static_cast<std::size_t>(lane)]);
          for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + (i & 1);
            float total = mine.d[i];
            for (int k = 0; k < 16; ++k) total += a[row][k] * b[k][column];
            mine.d[i] = total;
          }
        }
      },
      &product, "mma");
}

}  // namespace fvattn::emulation
