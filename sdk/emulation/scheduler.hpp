// Who runs when: the fibers of the CTAs of one cluster, their meeting points, and what copy engines still have to do.
#pragma once

#include <fvattn/emulation/cta.hpp>

#include <boost/context/fiber.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <vector>

namespace fvattn::emulation {

inline constexpr int kWarpThreads = 32;
inline constexpr int kWarpgroupThreads = 128;

/// A cp.async of a thread that has not landed.
struct Copy {
  std::uint32_t target;
  const void* source;
  int bytes;
  bool valid;
  int group;
};

struct Cta;

struct Fiber {
  boost::context::fiber context;
  enum class State { ready, asleep, done } state = State::done;
  std::function<bool()> wakes;  // of a sleeper that nobody wakes: looked at again and again
  unsigned naps = 0;             // visits of the scheduler that it still sleeps through, and then goes on
  const char* where = "";       // what a sleeper waits for
  Cta* cta = nullptr;
  int thread = 0;
  std::deque<Copy> copies;
  int copy_group = 0;
  std::uint64_t cluster_rounds = 0;
  std::deque<std::function<void()>> stores;  // bulk stores that have not read their shared memory
};

/// Threads that come one by one and go on together.
struct Meeting {
  using Operation = void (*)(std::span<void* const>);
  Operation operation = nullptr;
  std::vector<void*> slots;
  std::vector<Fiber*> there;
};

struct Mbarrier {
  std::uint32_t arrivals = 0, pending = 0, phase = 0;
  std::int64_t bytes = 0;  // announced and not yet copied
};

struct Warpgroup;  // warpgroup.cpp

struct Cta {
  dim3 block;
  int rank = 0;  // in its cluster
  std::vector<unsigned char> storage;
  unsigned char* shared = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Meeting> warps, warpgroups;
  Meeting block_meeting;
  std::map<int, std::pair<int, std::vector<Fiber*>>> named;  // barrier -> arrivals, sleepers
  std::map<std::uint32_t, Mbarrier> mbarriers;
  std::vector<std::shared_ptr<Warpgroup>> products;
  int done = 0;
};

struct Cluster {
  dim3 grid;
  int threads = 0;
  std::size_t shared_bytes = 0;
  std::vector<Cta> ctas;
  std::vector<std::function<void()>> engines;  // loads that will land, in any order
  int at_cluster = 0;
  std::uint64_t cluster_round = 0;
  Fiber* current = nullptr;
  // The mood of this cluster, drawn anew for each: how seldom engines land something, products run early, threads dawdle.
  unsigned engine_rest = 8, product_rest = 4, dawdle_rest = 16;
  unsigned slow_warps = 0;  // the warps of this warpgroup seldom get a turn
  boost::context::fiber scheduler;
  std::mt19937 random{std::random_device{}()};
};

Cluster& cluster();
Fiber& self();
Cta& my_cta();

/// Ends the program with the thread's place and `what`.
[[noreturn]] void fail(const char* what);

/// Lets others run until somebody wakes the caller, or until `wakes` holds.
void sleep(const char* where, std::function<bool()> wakes = {});
void wake(Fiber& fiber);

/// Called after what other threads can see: now and then lets them run for a while.
void dawdle();

/// Leaves `mine` at `seat` for the operation, which the last of `size` threads performs for all.
void meet(Meeting& meeting, int size, int seat, Meeting::Operation operation, void* mine, const char* where);
void meet_warp(Meeting::Operation operation, void* mine, const char* where);
void meet_warpgroup(Meeting::Operation operation, void* mine, const char* where);

/// Fails unless [address, address + bytes) lies in shared memory at a multiple of `alignment`.
void check_shared(std::uint32_t address, std::size_t bytes, std::uint32_t alignment, const char* what);

/// True once in `n`, on average.
bool once_in(unsigned n);

}  // namespace fvattn::emulation
