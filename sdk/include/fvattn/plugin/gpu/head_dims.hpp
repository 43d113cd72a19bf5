// The head dims that GPU kernels of a build compute.
#pragma once

#include <algorithm>
#include <type_traits>

namespace fvattn::plugin::gpu {

/// Ascending. Smaller multiples of 8 run in the next larger one.
template <int... kDims>
struct HeadDims {
  static constexpr int kLargest = std::max({kDims...});

  /// body(std::integral_constant<int, head dim of the kernel>) for the smallest kernel that takes head_dim; not called when
  /// head_dim is above kLargest.
  template <class Body>
  static void visit(int head_dim, Body&& body) {
    const auto serves = [&](auto dim) {
      if (head_dim > decltype(dim)::value) return false;
      body(dim);
      return true;
    };
    (void)(serves(std::integral_constant<int, kDims>{}) || ...);
  }
};

}  // namespace fvattn::plugin::gpu
