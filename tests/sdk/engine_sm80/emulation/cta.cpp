#include "emulation/cta.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace fvattn::engine::sm80::test::emulation {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr int kWarp = 32;

struct Copy {
  std::uint32_t target;
  const void* source;
  int bytes;
  bool valid;
  int group;
};

enum class State { ready, at_warp, at_block, done };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  State state = State::done;
  std::deque<Copy> copies;
  int group = 0;
};

using Operation = void (*)(void* const (&slots)[kWarp]);

struct Warp {
  Operation operation = nullptr;
  void* slots[kWarp] = {};
  int arrived = 0;
};

struct Cta {
  dim3 grid, block;
  std::vector<unsigned char> storage;
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  int current = 0, threads = 0, at_block = 0, done = 0;
  ucontext_t scheduler;
  const std::function<void()>* body = nullptr;
  std::mt19937 random{std::random_device{}()};
};

Cta cta;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "emulated CTA (%u, %u, %u), thread %d: %s\n", cta.block.x, cta.block.y, cta.block.z, cta.current, what);
  std::abort();
}

Fiber& self() { return cta.fibers[static_cast<std::size_t>(cta.current)]; }

void sleep(State state) {
  Fiber& fiber = self();
  fiber.state = state;
  swapcontext(&fiber.context, &cta.scheduler);
}

void fiber_main() {
  (*cta.body)();
  self().state = State::done;
  ++cta.done;
  swapcontext(&self().context, &cta.scheduler);
}

/// Leaves `mine` for the operation, which the last lane to come performs for the whole warp.
void meet(Operation operation, void* mine) {
  const int index = cta.current / kWarp;
  Warp& warp = cta.warps[static_cast<std::size_t>(index)];
  if (warp.arrived != 0 && warp.operation != operation) fail("the lanes of a warp met at different instructions");
  warp.operation = operation;
  warp.slots[cta.current % kWarp] = mine;
  if (++warp.arrived < kWarp) return sleep(State::at_warp);
  operation(warp.slots);
  warp.arrived = 0;
  for (int lane = 0; lane < kWarp; ++lane) cta.fibers[static_cast<std::size_t>(index * kWarp + lane)].state = State::ready;
}

void land(const Copy& copy) {
  if (copy.valid) std::memcpy(cta.shared + copy.target, copy.source, static_cast<std::size_t>(copy.bytes));
  else std::memset(cta.shared + copy.target, 0, static_cast<std::size_t>(copy.bytes));
}

void start_cta(dim3 block) {
  cta.block = block;
  std::fill(cta.storage.begin(), cta.storage.end(), static_cast<unsigned char>(0xff));
  cta.at_block = cta.done = 0;
  cta.warps.assign(static_cast<std::size_t>(cta.threads / kWarp), Warp{});
  for (Fiber& fiber : cta.fibers) {
    getcontext(&fiber.context);
    fiber.context.uc_stack = {fiber.stack.get(), 0, kStackBytes};
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, fiber_main, 0);
    fiber.state = State::ready;
    fiber.copies.clear();
    fiber.group = 0;
  }
}

/// Runs each lane of a warp that can run, once. False when none could.
bool run_warp(int warp) {
  bool ran = false;
  for (int lane = 0; lane < kWarp; ++lane) {
    cta.current = warp * kWarp + lane;
    if (self().state != State::ready) continue;
    swapcontext(&cta.scheduler, &self().context);
    ran = true;
  }
  return ran;
}

void run_cta() {
  const int warps = cta.threads / kWarp;
  int warp = 0;
  while (cta.done < cta.threads) {
    // Mostly goes on with the same warp, so that warps get far apart.
    if (!run_warp(warp) || cta.random() % 16 == 0) warp = static_cast<int>(cta.random() % static_cast<unsigned>(warps));
    const bool stuck = std::none_of(cta.fibers.begin(), cta.fibers.end(), [](const Fiber& f) { return f.state == State::ready; });
    if (!stuck) continue;
    if (cta.at_block > 0 && cta.at_block + cta.done == cta.threads) {
      cta.at_block = 0;
      for (Fiber& fiber : cta.fibers) {
        if (fiber.state == State::at_block) fiber.state = State::ready;
      }
    } else if (cta.done < cta.threads) {
      fail("no thread can go on");
    }
  }
}

}  // namespace

void run_grid(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body) {
  cta.grid = grid;
  cta.threads = threads;
  cta.body = &body;
  cta.shared_bytes = shared_bytes;
  cta.storage.resize(shared_bytes + 1024);
  cta.shared = reinterpret_cast<unsigned char*>((reinterpret_cast<std::uintptr_t>(cta.storage.data()) + 1023) / 1024 * 1024);
  if (cta.fibers.size() != static_cast<std::size_t>(threads)) cta.fibers = std::vector<Fiber>(static_cast<std::size_t>(threads));
  std::vector<dim3> blocks;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) blocks.push_back(dim3(x, y, z));
    }
  }
  std::shuffle(blocks.begin(), blocks.end(), cta.random);
  for (const dim3& block : blocks) {
    start_cta(block);
    run_cta();
  }
}

int thread_index() { return cta.current; }
dim3 block_index() { return cta.block; }
dim3 grid_size() { return cta.grid; }
unsigned char* shared_memory() { return cta.shared; }

void block_sync() {
  ++cta.at_block;
  sleep(State::at_block);
}

void warp_sync() {
  meet([](void* const(&)[kWarp]) {}, nullptr);
}

bool warp_any(bool value) {
  struct Slot {
    bool value, any;
  } slot{value, false};
  meet(
      [](void* const(&slots)[kWarp]) {
        bool any = false;
        for (void* lane : slots) any |= static_cast<Slot*>(lane)->value;
        for (void* lane : slots) static_cast<Slot*>(lane)->any = any;
      },
      &slot);
  return slot.any;
}

float warp_shuffle_xor(float value, int lane_mask) {
  struct Slot {
    float value, result;
    int mask;
  } slot{value, 0.0f, lane_mask};
  meet(
      [](void* const(&slots)[kWarp]) {
        for (int lane = 0; lane < kWarp; ++lane) {
          Slot& mine = *static_cast<Slot*>(slots[lane]);
          mine.result = static_cast<Slot*>(slots[lane ^ mine.mask])->value;
        }
      },
      &slot);
  return slot.result;
}

void copy_async(std::uint32_t target, const void* source, int bytes, bool valid) {
  if (target % static_cast<unsigned>(bytes) != 0 || target + static_cast<unsigned>(bytes) > cta.shared_bytes) {
    fail("cp.async to a bad shared address");
  }
  if (reinterpret_cast<std::uintptr_t>(source) % static_cast<unsigned>(bytes) != 0) fail("cp.async from a bad address");
  const Copy copy{target, source, bytes, valid, self().group};
  std::memset(cta.shared + target, 0xff, static_cast<std::size_t>(bytes));
  if (cta.random() % 4 == 0) land(copy);
  else self().copies.push_back(copy);
}

void copy_async_commit() { ++self().group; }

void copy_async_wait(int pending) {
  auto& copies = self().copies;
  while (!copies.empty() && copies.front().group < self().group - pending) {
    land(copies.front());
    copies.pop_front();
  }
}

void load_matrix(std::uint32_t (&out)[4], std::uint32_t address, bool transposed) {
  struct Slot {
    std::uint32_t* out;
    std::uint32_t address;
    bool transposed;
  } slot{out, address, transposed};
  if (address % 16 != 0 || address + 16 > cta.shared_bytes) fail("ldmatrix from a bad shared address");
  meet(
      [](void* const(&slots)[kWarp]) {
        for (int matrix = 0; matrix < 4; ++matrix) {
          std::uint16_t values[8][8];
          for (int row = 0; row < 8; ++row) {
            std::memcpy(values[row], cta.shared + static_cast<Slot*>(slots[matrix * 8 + row])->address, 16);
          }
          for (int lane = 0; lane < kWarp; ++lane) {
            const Slot& mine = *static_cast<Slot*>(slots[lane]);
            const int row = lane / 4, pair = lane % 4 * 2;
            const std::uint32_t low = mine.transposed ? values[pair][row] : values[row][pair];
            const std::uint32_t high = mine.transposed ? values[pair + 1][row] : values[row][pair + 1];
            mine.out[matrix] = low | high << 16;
          }
        }
      },
      &slot);
}

void multiply_add(Product& product) {
  // PTX ISA, "Matrix Fragments for mma.m16n8k16".
  meet(
      [](void* const(&slots)[kWarp]) {
        float a[16][16], b[16][8];
        for (int lane = 0; lane < kWarp; ++lane) {
          const Product& mine = *static_cast<Product*>(slots[lane]);
          const int group = lane / 4, in_group = lane % 4;
          for (int i = 0; i < 8; ++i) {
            const int row = group + ((i >= 2 && i < 4) || i >= 6 ? 8 : 0);
            a[row][in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0)] = mine.a[i];
          }
          for (int i = 0; i < 4; ++i) b[in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0)][group] = mine.b[i];
        }
        for (int lane = 0; lane < kWarp; ++lane) {
          Product& mine = *static_cast<Product*>(slots[lane]);
          for (int i = 0; i < 4; ++i) {
            const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + (i & 1);
            float total = mine.d[i];
            for (int k = 0; k < 16; ++k) total += a[row][k] * b[k][column];
            mine.d[i] = total;
          }
        }
      },
      &product);
}

}  // namespace fvattn::engine::sm80::test::emulation
