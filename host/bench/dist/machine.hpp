// What the ranks run on.
#pragma once

#include "bench/dist/member.hpp"

#include "common/json.hpp"

namespace fvattn::bench::dist {

/// What no figure can exceed, and why; 0: not known.
struct Bounds {
  double link_gbps = 0;  // remote bytes of one rank in one direction
  std::string link_why;
  double peak_tflops = 0;  // of one rank's device, dense 16-bit products
  std::string peak_why;
};

struct Machine {
  host::Json json;
  Bounds bounds;
  Status reachable;  // not ok: some rank's GPU cannot reach another's
};

/// Collective. Devices, driver, topology (nvidia-smi topo -m where there is one), peer access, NCCL's versions.
Machine describe_machine(const Member& member);

/// Links between the two GPUs in the words of nvidia-smi topo -m: 18 for "NV18"; 0 if there are none or it says nothing.
int links_between(const std::string& topology, int from, int to);

}  // namespace fvattn::bench::dist
