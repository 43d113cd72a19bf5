// What the GPU kernels of this build take, and what a call needs.
#include "dispatch.hpp"

#include "instances.hpp"
#include "kernels.cuh"

#include <fvattn/engine/sm80/heuristics.hpp>
#include <fvattn/plugin/gpu/device.cuh>

namespace flash::gpu {

using namespace fvattn::plugin;
namespace sm80 = fvattn::engine::sm80;

namespace {

constexpr int kSmallestMajor = 8;

void require_shared_memory(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kForward = sm80::DenseForward<decltype(dim)::value>::kSharedBytes;
    support.require(device.smem_optin >= kForward, FVATTN_R_SMEM, "%llu bytes of shared memory, %d are needed",
                    static_cast<unsigned long long>(device.smem_optin), kForward);
    using Backward = sm80::DenseBackward<decltype(dim)::value>;
    constexpr int kBackward = Backward::Kv::kSharedBytes > Backward::Q::kSharedBytes ? Backward::Kv::kSharedBytes : Backward::Q::kSharedBytes;
    support.require(!(p.flags & FVATTN_PROBLEM_NEED_GRAD) || device.smem_optin >= kBackward, FVATTN_R_SMEM,
                    "%llu bytes of shared memory, gradients at head_dim %d need %d",
                    static_cast<unsigned long long>(device.smem_optin), p.head_dim, kBackward);
  });
}

}  // namespace

void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  support.require(device.cc_major >= kSmallestMajor, FVATTN_R_ARCH, "have sm_%d%d, sm_80 and newer are accepted",
                  device.cc_major, device.cc_minor);
  support.require(dtype(p) == kBF16 || dtype(p) == kF16, FVATTN_R_DTYPE,
                  "dtype %s, bfloat16 and float16 are accepted on a GPU", to_string(dtype(p)).c_str());
  support.require(p.head_dim % 8 == 0 && p.head_dim <= HeadDims::kLargest, FVATTN_R_HEAD_DIM,
                  "head_dim %d, on a GPU multiples of 8 up to %d are accepted in this build", p.head_dim, HeadDims::kLargest);
  support.require(p.v_head_dim == p.head_dim, FVATTN_R_HEAD_DIM, "v_head_dim %d, on a GPU it must be head_dim %d",
                  p.v_head_dim, p.head_dim);
  support.require(p.q_len >= 1 && p.kv_len >= 1 && p.batch >= 1, FVATTN_R_SHAPE,
                  "batch %lld, %lld queries, %lld keys; on a GPU each must be at least 1", static_cast<long long>(p.batch),
                  static_cast<long long>(p.q_len), static_cast<long long>(p.kv_len));
  constexpr int kMostOfGrid = 65535;
  support.require(p.heads <= kMostOfGrid && p.batch <= kMostOfGrid, FVATTN_R_SHAPE, "more than %d heads or batch entries", kMostOfGrid);
  if (p.head_dim >= 1 && p.head_dim <= HeadDims::kLargest) require_shared_memory(device, p, support);
  // Expected share of the best known speed: measured in docs/performance.md.
  const bool hopper = device.cc_major == 9 && device.cc_minor == 0, dense = !is_varlen(p) && find_extra(p, "mask") == nullptr;
  const bool gradients = p.flags & FVATTN_PROBLEM_NEED_GRAD;
  support.score(hopper ? (dense && !gradients ? 0.9 : 0.45) : 0.85);
}

void plan(const fvattn_problem& p, bool hopper, Plan& plan) {
  plan.flags(FVATTN_PLAN_GRAPH_SAFE);
  Workspace forward, backward;
  GpuSchedule schedule;
  schedule.q_len = static_cast<int>(p.q_len);
  schedule.kv_len = static_cast<int>(p.kv_len);
  if (find_extra(p, "mask") != nullptr) {
    KeyBits(p, forward);
    KeyBits(p, backward);
  }
  // Every policy of these sizes cuts the queries into the same tiles, so the dense one stands for all that run on an engine.
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) {
    if (is_varlen(p) || find_extra(p, "mask") != nullptr) hopper = false;
    backward.take<char>(static_cast<int64_t>(backward_bytes(p, schedule, hopper)));
  }
  plan.workspace_forward(forward.bytes()).workspace_backward(backward.bytes());
}

}  // namespace flash::gpu
