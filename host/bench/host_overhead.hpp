// What a call costs on the host, besides the attention itself.
#pragma once

#include <fvattn/device.hpp>

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fvattn::bench {

struct HostCost {
  std::string what;
  double us = 0;  // median of one call
};

/// Selection from the memo, a warm LocalAttention call of a backend that does nothing, and on a GPU the time until a small
/// call of each usable backend is enqueued.
std::vector<HostCost> measure_host(const Device& device, at::Device place);

}  // namespace fvattn::bench
