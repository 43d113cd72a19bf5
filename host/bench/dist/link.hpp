// What the link between this rank's GPU and the next rank's can do, without any transport.
#pragma once

#include "bench/dist/member.hpp"

#include <memory>

namespace fvattn::bench::dist {

/// What this build and this machine know of GPUs. Needs -DFVATTN_CUDA=ON.
Status link_support();
/// True if GPU `from` can reach the memory of GPU `to`; true for the same GPU.
Result<bool> can_reach(int from, int to);

/// The GPU's current stream stands still for that long, so that the host gets ahead of it, as it is in a model. Not on CPUs.
void hold(at::Device device, double microseconds);

/// A block of memory of each rank, open to the rank before it. Collective, as all functions.
class Link {
 public:
  virtual ~Link() = default;

  /// UNAVAILABLE where memory cannot be shared, the same on all ranks.
  static Result<std::unique_ptr<Link>> open(const Member& member, int64_t bytes);

  /// Milliseconds of one copy of all bytes into the next rank's block, while the others do the same or, unless `all_ways`,
  /// while they do nothing: then only rank 0's time counts. `writers` 0: by the copy engine; else by that many thread
  /// blocks that store. The mean of `calls` calls one after the other.
  virtual Result<double> copy_ms(int writers, bool all_ways, int calls) = 0;
};

}  // namespace fvattn::bench::dist
