// mbarriers, named barriers and the barrier of a cluster.
#include "scheduler.hpp"

#include <fvattn/emulation/hopper.hpp>

namespace fvattn::emulation {

namespace {

void complete_if_done(Mbarrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  ++barrier.phase;
  barrier.pending = barrier.arrivals;
}

}  // namespace

Mbarrier& mbarrier_of(Cta& cta, std::uint32_t address) {
  const auto found = cta.mbarriers.find(address);
  if (found == cta.mbarriers.end()) fail("an mbarrier that was not initialised");
  return found->second;
}

void mbarrier_complete_bytes(Cta& cta, std::uint32_t address, std::uint32_t bytes) {
  Mbarrier& barrier = mbarrier_of(cta, address);
  barrier.bytes -= bytes;
  complete_if_done(barrier);
}

void mbarrier_init(std::uint32_t address, std::uint32_t arrivals) {
  check_shared(address, 8, 8, "an mbarrier at a bad address");
  my_cta().mbarriers[address] = {arrivals, arrivals, 0, 0};
}

void mbarrier_arrive(std::uint32_t address, int cta_rank) {
  Cta& cta = cta_rank < 0 ? my_cta() : cluster().ctas.at(static_cast<std::size_t>(cta_rank));
  Mbarrier& barrier = mbarrier_of(cta, address);
  if (barrier.pending == 0) fail("an mbarrier got more arrivals in one phase than it was initialised for");
  --barrier.pending;
  complete_if_done(barrier);
  dawdle();
}

void mbarrier_expect(std::uint32_t address, std::uint32_t bytes) {
  mbarrier_of(my_cta(), address).bytes += bytes;
  mbarrier_arrive(address, -1);
}

void mbarrier_wait(std::uint32_t address, std::uint32_t parity) {
  // A fresh barrier counts the phase before its first, of parity 1, as complete.
  Mbarrier& barrier = mbarrier_of(my_cta(), address);
  const auto complete = [&barrier, parity] { return (barrier.phase & 1u) != parity; };
  dawdle();
  if (!complete()) sleep("an mbarrier", complete);
}

bool mbarrier_test(std::uint32_t address, std::uint32_t parity) {
  const Mbarrier& barrier = mbarrier_of(my_cta(), address);
  dawdle();
  return (barrier.phase & 1u) != parity && !once_in(4);
}

int cluster_rank() { return my_cta().rank; }

void cluster_arrive() {
  Cluster& all = cluster();
  if (++all.at_cluster < all.threads * static_cast<int>(all.ctas.size())) return;
  all.at_cluster = 0;
  ++all.cluster_round;
}

void cluster_wait() {
  // Between its arrive and its wait a thread cannot be more than one round ahead.
  Cluster& all = cluster();
  Fiber& fiber = self();
  const std::uint64_t mine = ++fiber.cluster_rounds;
  sleep("the cluster's barrier", [&all, mine] { return all.cluster_round >= mine; });
}

void named_barrier(int id, int threads, bool wait) {
  if (id < 1 || id > 15 || threads % kWarpThreads != 0) fail("a named barrier with a bad id or thread count");
  auto& [arrivals, sleepers] = my_cta().named[id];
  if (++arrivals == threads) {
    arrivals = 0;
    for (Fiber* fiber : sleepers) wake(*fiber);
    sleepers.clear();
    return dawdle();
  }
  if (!wait) return dawdle();
  sleepers.push_back(&self());
  sleep("a named barrier");
}

}  // namespace fvattn::emulation
