// Which policy serves a call on a GPU, and what that policy points to.
#pragma once

#include "../schedule.hpp"

#include <cuda_runtime_api.h>

namespace flash::gpu {

/// What the policies need, all pointers in device memory. Dense where neither bits nor cu_q are set.
struct GpuSchedule {
  bool causal = false;
  int q_len = 0, kv_len = 0;
  KeyBits bits;
  const int *cu_q = nullptr, *cu_k = nullptr;
  int sequences = 0;

  bool dense() const { return bits.valid == nullptr && cu_q == nullptr; }

  /// body(policy), which returns a cudaError_t.
  template <class Body>
  cudaError_t visit(Body&& body) const {
    return causal ? visit_as<true>(body) : visit_as<false>(body);
  }

  /// The same where dense() is known.
  template <class Body>
  cudaError_t visit_dense(Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap q{q_len}, kv{kv_len};
    return causal ? body(DensePolicy<true>{q, kv}) : body(DensePolicy<false>{q, kv});
  }

 private:
  template <bool kCausal, class Body>
  cudaError_t visit_as(Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap q{q_len}, kv{kv_len};
    if (cu_q != nullptr) return body(VarlenPolicy<kCausal>{q, kv, cu_q, cu_k, sequences});
    if (bits.valid != nullptr) return body(KeyPaddingPolicy<kCausal>{{q, kv}, bits.valid, bits.ranges, bits.words});
    return body(DensePolicy<kCausal>{q, kv});
  }
};

/// Workspace of backward for a schedule of these sizes, besides what the schedule takes.
std::size_t backward_bytes(const fvattn_problem& p, const GpuSchedule& schedule, bool hopper);

}  // namespace flash::gpu
