// Thread ranks over the peer transport, and the tensors of a distributed layer on one of them.
#pragma once

#include "core/distributed/group.hpp"
#include "host_device.hpp"

#include "distributed/peer/communicator.hpp"

#include <random>

namespace fvattn::test {

/// shares: tensors are written in place; else through slots.
struct PeerGroup {
  Group ranks;
  std::vector<HostDevice*> devices;
};

inline PeerGroup make_peer_group(int size, bool shares, int writers, const CommunicatorOptions& limits = {},
                                 const HostDevice::Pause& pause = [] {}, int refuses = -1,
                                 std::vector<std::string>* errors = nullptr, bool copy_engines = false) {
  const Group bootstrap = make_thread_communicators(size, limits);
  PeerGroup group{Group(bootstrap.size()), std::vector<HostDevice*>(bootstrap.size())};
  if (errors != nullptr) errors->resize(bootstrap.size());
  on_ranks(bootstrap, [&](Communicator& self) {
    const auto r = static_cast<size_t>(self.rank());
    auto device = std::make_unique<HostDevice>(pause);
    device->refuses = self.rank() == refuses;
    group.devices[r] = device.get();
    auto made = peer::make_communicator(bootstrap[r], std::move(device), {shares, writers, limits, copy_engines});
    if (made) group.ranks[r] = *made;
    if (!made && errors != nullptr) (*errors)[r] = made.status().text();
  });
  return group;
}

/// q (all heads) and k (few, replicated where ranks are more) of one rank, scattered, and q gathered back.
struct RoundTrip {
  RoundTrip(Communicator& self, int64_t batches, int64_t rows, int64_t heads, int64_t kv_heads, int64_t gap)
      : me(static_cast<size_t>(self.rank())),
        sequence(split_evenly(rows, self.size())),
        split(split_heads(heads, kv_heads, self.size()).value()),
        q(batches, sequence[me].size, heads, gap),
        k(batches, sequence[me].size, kv_heads, gap),
        whole_q(batches, rows, split.q[me].size, gap),
        whole_k(batches, rows, split.kv[me].size),
        back(batches, sequence[me].size, heads) {}

  void fill(unsigned seed) {
    std::mt19937 random(seed * 64 + static_cast<unsigned>(me));
    for (Tensor* t : {&q, &k})
      for (int32_t& x : t->memory) x = static_cast<int32_t>(random());
    for (Tensor* t : {&whole_q, &whole_k, &back}) std::fill(t->memory.begin(), t->memory.end(), -1);
  }
  Exchange scatter() {
    return {"scatter_heads",
            {{"q", Pattern::scatter_heads, sequence, split.q, q.layout(), whole_q.layout()},
             {"k", Pattern::scatter_heads, sequence, split.kv, k.layout(), whole_k.layout()}},
            nullptr};
  }
  Exchange gather() {
    return {"gather_heads", {{"o", Pattern::gather_heads, sequence, split.q, whole_q.layout(), back.layout()}}, nullptr};
  }

  const size_t me;
  const Ranges sequence;
  const HeadSplit split;
  Tensor q, k, whole_q, whole_k, back;
};

}  // namespace fvattn::test
