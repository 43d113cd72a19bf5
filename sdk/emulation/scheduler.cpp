#include "scheduler.hpp"

#include <boost/context/pooled_fixedsize_stack.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <utility>

namespace fvattn::emulation {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kSharedAlignment = 1024;
constexpr unsigned kNever = 1u << 30;
constexpr unsigned kLongestDawdle = 64;

Cluster all;
boost::context::pooled_fixedsize_stack stacks(kStackBytes);

void describe_sleepers() {
  std::map<std::string, int> places;
  for (const Cta& cta : all.ctas) {
    for (const Fiber& fiber : cta.fibers) {
      if (fiber.state == Fiber::State::asleep)
        ++places["CTA rank " + std::to_string(cta.rank) + ", warp " + std::to_string(fiber.thread / kWarpThreads) + ": " + fiber.where];
    }
  }
  for (const auto& [place, count] : places) std::fprintf(stderr, "  %s (%d threads)\n", place.c_str(), count);
}

void thread_ended(Fiber& fiber) {
  if (!fiber.stores.empty()) fail("the thread ends before its bulk stores have read their shared memory");
  fiber.state = Fiber::State::done;
  ++fiber.cta->done;
}

boost::context::fiber start(Fiber& fiber, const std::function<void()>& body) {
  return boost::context::fiber(std::allocator_arg, stacks, [&fiber, &body](boost::context::fiber&& back) {
    all.scheduler = std::move(back);
    body();
    thread_ended(fiber);
    return std::move(all.scheduler);
  });
}

void start_cta(Cta& cta, dim3 block, int rank, const std::function<void()>& body) {
  cta.block = block;
  cta.rank = rank;
  cta.storage.assign(all.shared_bytes + kSharedAlignment, 0xff);
  const auto base = reinterpret_cast<std::uintptr_t>(cta.storage.data());
  cta.shared = reinterpret_cast<unsigned char*>((base + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment);
  cta.fibers = std::vector<Fiber>(static_cast<std::size_t>(all.threads));
  cta.warps.resize(static_cast<std::size_t>(all.threads / kWarpThreads));
  cta.warpgroups.resize(static_cast<std::size_t>(all.threads / kWarpgroupThreads));
  cta.products.resize(cta.warpgroups.size());
  for (int thread = 0; thread < all.threads; ++thread) {
    Fiber& fiber = cta.fibers[static_cast<std::size_t>(thread)];
    fiber.cta = &cta;
    fiber.thread = thread;
    fiber.state = Fiber::State::ready;
    fiber.context = start(fiber, body);
  }
}

bool can_wake(const Fiber& fiber) { return fiber.state == Fiber::State::asleep && fiber.wakes && fiber.wakes(); }

/// Runs each lane of a warp that can run, once. False when none could.
bool run_warp(Cta& cta, int warp) {
  bool ran = false;
  for (int lane = 0; lane < kWarpThreads; ++lane) {
    Fiber& fiber = cta.fibers[static_cast<std::size_t>(warp * kWarpThreads + lane)];
    all.current = &fiber;
    if (fiber.naps > 0 ? --fiber.naps == 0 : can_wake(fiber)) wake(fiber);
    if (fiber.state != Fiber::State::ready) continue;
    fiber.context = std::move(fiber.context).resume();
    ran = true;
  }
  return ran;
}

void run_engine() {
  if (all.engines.empty()) return;
  std::swap(all.engines[all.random() % all.engines.size()], all.engines.back());
  const auto land = std::move(all.engines.back());
  all.engines.pop_back();
  land();
}

bool release_blocks() {
  bool released = false;
  for (Cta& cta : all.ctas) {
    auto& there = cta.block_meeting.there;
    if (there.empty() || static_cast<int>(there.size()) + cta.done < all.threads) continue;
    for (Fiber* fiber : there) wake(*fiber);
    there.clear();
    released = true;
  }
  return released;
}

bool finished() {
  return std::all_of(all.ctas.begin(), all.ctas.end(), [](const Cta& cta) { return cta.done == all.threads; });
}

bool anyone_can_run() {
  for (Cta& cta : all.ctas) {
    for (Fiber& fiber : cta.fibers) {
      all.current = &fiber;
      if (fiber.state == Fiber::State::ready || fiber.naps > 0 || can_wake(fiber)) return true;
    }
  }
  return false;
}

unsigned one_of(std::initializer_list<unsigned> values) { return values.begin()[all.random() % values.size()]; }

void draw_mood() {
  all.engine_rest = one_of({1, 8, 64, kNever});  // never: only when nobody can go on without it
  all.product_rest = one_of({1, 4, kNever, kNever});
  all.dawdle_rest = one_of({2, 4, 16, kNever});
}

void run_cluster() {
  draw_mood();
  const unsigned warps = static_cast<unsigned>(all.threads / kWarpThreads), ctas = static_cast<unsigned>(all.ctas.size());
  unsigned cta = 0, warp = 0, idle = 0;
  while (!finished()) {
    // Mostly goes on with the same warp, so that warps get far apart.
    const bool ran = run_warp(all.ctas[cta], static_cast<int>(warp));
    idle = ran ? 0 : idle + 1;
    if (!ran || once_in(16)) {
      cta = static_cast<unsigned>(all.random()) % ctas;
      warp = static_cast<unsigned>(all.random()) % warps;
      if (warp / 4 == all.slow_warps && !once_in(64)) warp = (warp + 4) % warps;
      if (once_in(256)) all.slow_warps = static_cast<unsigned>(all.random()) % (warps / 4 + 2);
    }
    if (once_in(all.engine_rest)) run_engine();
    if (idle < 2 * warps * ctas) continue;
    idle = 0;
    if (release_blocks() || anyone_can_run()) continue;
    if (!all.engines.empty()) {
      run_engine();
    } else if (!finished()) {
      std::fprintf(stderr, "emulated cluster of CTA (%u, %u, %u): no thread can go on\n", all.ctas[0].block.x, all.ctas[0].block.y,
                   all.ctas[0].block.z);
      describe_sleepers();
      std::abort();
    }
  }
  if (!all.engines.empty()) fail("the CTA ends before its bulk loads have landed");
}

}  // namespace

Cluster& cluster() { return all; }
Fiber& self() { return *all.current; }
Cta& my_cta() { return *all.current->cta; }
bool once_in(unsigned n) { return all.random() % n == 0; }

void fail(const char* what) {
  const Cta& cta = my_cta();
  std::fprintf(stderr, "emulated CTA (%u, %u, %u), thread %d: %s\n", cta.block.x, cta.block.y, cta.block.z, self().thread, what);
  std::abort();
}

void sleep(const char* where, std::function<bool()> wakes) {
  Fiber& fiber = self();
  fiber.state = Fiber::State::asleep;
  fiber.where = where;
  fiber.wakes = std::move(wakes);
  all.scheduler = std::move(all.scheduler).resume();
}

void dawdle() {
  if (!once_in(all.dawdle_rest)) return;
  self().naps = 1 + static_cast<unsigned>(all.random()) % kLongestDawdle;
  sleep("nothing");
}

void wake(Fiber& fiber) {
  fiber.state = Fiber::State::ready;
  fiber.wakes = nullptr;
}

void meet(Meeting& meeting, int size, int seat, Meeting::Operation operation, void* mine, const char* where) {
  if (!meeting.there.empty() && meeting.operation != operation) fail("threads that belong together met at different instructions");
  meeting.operation = operation;
  meeting.slots.resize(static_cast<std::size_t>(size));
  meeting.slots[static_cast<std::size_t>(seat)] = mine;
  meeting.there.push_back(&self());
  if (static_cast<int>(meeting.there.size()) < size) return sleep(where);
  operation(meeting.slots);
  for (Fiber* fiber : meeting.there) wake(*fiber);
  meeting.there.clear();
}

void meet_warp(Meeting::Operation operation, void* mine, const char* where) {
  const int thread = self().thread;
  meet(my_cta().warps[static_cast<std::size_t>(thread / kWarpThreads)], kWarpThreads, thread % kWarpThreads, operation, mine, where);
}

void meet_warpgroup(Meeting::Operation operation, void* mine, const char* where) {
  const int thread = self().thread;
  meet(my_cta().warpgroups[static_cast<std::size_t>(thread / kWarpgroupThreads)], kWarpgroupThreads, thread % kWarpgroupThreads,
       operation, mine, where);
}

void check_shared(std::uint32_t address, std::size_t bytes, std::uint32_t alignment, const char* what) {
  if (address % alignment != 0 || address + bytes > all.shared_bytes) fail(what);
}

void run_grid(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body, int cluster_ctas) {
  if (threads % kWarpThreads != 0 || grid.x % static_cast<unsigned>(cluster_ctas) != 0) {
    std::fprintf(stderr, "emulated launch: %d threads, %u CTAs in clusters of %d\n", threads, grid.x, cluster_ctas);
    std::abort();
  }
  all.grid = grid;
  all.threads = threads;
  all.shared_bytes = shared_bytes;
  std::vector<dim3> first;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; x += static_cast<unsigned>(cluster_ctas)) first.push_back(dim3(x, y, z));
    }
  }
  std::shuffle(first.begin(), first.end(), all.random);
  for (const dim3& block : first) {
    all.ctas = std::vector<Cta>(static_cast<std::size_t>(cluster_ctas));
    all.at_cluster = 0;
    all.cluster_round = 0;
    for (int rank = 0; rank < cluster_ctas; ++rank)
      start_cta(all.ctas[static_cast<std::size_t>(rank)], dim3(block.x + static_cast<unsigned>(rank), block.y, block.z), rank, body);
    run_cluster();
  }
}

int thread_index() { return self().thread; }
int block_threads() { return all.threads; }
dim3 block_index() { return my_cta().block; }
dim3 grid_size() { return all.grid; }
unsigned char* shared_memory() { return my_cta().shared; }

void block_sync() {
  my_cta().block_meeting.there.push_back(&self());
  if (static_cast<int>(my_cta().block_meeting.there.size()) + my_cta().done < all.threads) return sleep("__syncthreads");
  for (Fiber* fiber : my_cta().block_meeting.there) wake(*fiber);
  my_cta().block_meeting.there.clear();
}

void warp_sync() {
  meet_warp([](std::span<void* const>) {}, nullptr, "__syncwarp");
}

}  // namespace fvattn::emulation
