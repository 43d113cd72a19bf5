// A call on the sm80 engine whose tensors are [batch, tokens, heads, dim]: what its kernels accept, and their arguments.
#pragma once

#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/plugin/gpu/sm80_arguments.cuh>

namespace fvattn::plugin::gpu {

/// The reasons why no sm80 kernel of a build whose largest head dim is `largest_head_dim` serves the problem.
inline void require_sm80(const fvattn_device& device, const fvattn_problem& p, int largest_head_dim, Support& support) {
  constexpr int kSmallestMajor = 8, kMostOfGrid = 65535;
  support.require(device.cc_major >= kSmallestMajor, FVATTN_R_ARCH, "have sm_%d%d, sm_80 and newer are accepted",
                  device.cc_major, device.cc_minor);
  support.require(dtype(p) == kBF16 || dtype(p) == kF16, FVATTN_R_DTYPE,
                  "dtype %s, bfloat16 and float16 are accepted on a GPU", to_string(dtype(p)).c_str());
  support.require(p.head_dim % 8 == 0 && p.head_dim <= largest_head_dim, FVATTN_R_HEAD_DIM,
                  "head_dim %d, on a GPU multiples of 8 up to %d are accepted in this build", p.head_dim, largest_head_dim);
  support.require(p.v_head_dim == p.head_dim, FVATTN_R_HEAD_DIM, "v_head_dim %d, on a GPU it must be head_dim %d",
                  p.v_head_dim, p.head_dim);
  support.require(p.q_len >= 1 && p.kv_len >= 1 && p.batch >= 1, FVATTN_R_SHAPE,
                  "batch %lld, %lld queries, %lld keys; on a GPU each must be at least 1", static_cast<long long>(p.batch),
                  static_cast<long long>(p.q_len), static_cast<long long>(p.kv_len));
  support.require(p.heads <= kMostOfGrid && p.batch <= kMostOfGrid, FVATTN_R_SHAPE, "more than %d heads or batch entries",
                  kMostOfGrid);
}

/// The shared memory of a CTA that kernels of these configurations need.
template <class Forward, class Backward>
void require_shared_memory(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  constexpr int kForward = Forward::kSharedBytes;
  constexpr int kBackward =
      Backward::Kv::kSharedBytes > Backward::Q::kSharedBytes ? Backward::Kv::kSharedBytes : Backward::Q::kSharedBytes;
  support.require(device.smem_optin >= kForward, FVATTN_R_SMEM, "%llu bytes of shared memory, %d are needed",
                  static_cast<unsigned long long>(device.smem_optin), kForward);
  support.require(!(p.flags & FVATTN_PROBLEM_NEED_GRAD) || device.smem_optin >= kBackward, FVATTN_R_SMEM,
                  "%llu bytes of shared memory, gradients at head_dim %d need %d",
                  static_cast<unsigned long long>(device.smem_optin), p.head_dim, kBackward);
}

/// The `lse` that was asked for and the one that backward wants: kernels write one, finish() copies it.
class LseOutputs {
 public:
  explicit LseOutputs(const Call& call) : call_(call) {
    if (const fvattn_tensor* t = call.find_out("lse")) asked_ = plugin::data<float>(*t);
    if (const fvattn_tensor* t = call.find_saved("lse")) saved_ = plugin::data<float>(*t);
  }
  /// Null when nobody wants it.
  float* data() const { return asked_ != nullptr ? asked_ : saved_; }
  void finish() const {
    if (asked_ == nullptr || saved_ == nullptr) return;
    const fvattn_problem& p = call_.problem();
    const auto bytes = static_cast<std::size_t>(p.batch * p.heads * p.q_len) * sizeof(float);
    check(cudaMemcpyAsync(saved_, asked_, bytes, cudaMemcpyDeviceToDevice, stream_of(call_)), "saving lse");
  }

 private:
  const Call& call_;
  float *asked_ = nullptr, *saved_ = nullptr;
};

/// Keeps what the arguments point to.
class Sm80Forward {
 public:
  explicit Sm80Forward(const Call& call) : q_(call, "q"), k_(call, "k"), v_(call, "v"), lse_(call) {
    const fvattn_problem& p = call.problem();
    args.q = sm80_view(q_), args.k = sm80_view(k_), args.v = sm80_view(v_), args.o = sm80_view(call.out("o"));
    args.lse = row_values(lse_.data(), p);
    args.batch = static_cast<int>(p.batch);
    args.q_heads = p.heads;
    args.kv_heads = p.kv_heads;
    args.head_dim = p.head_dim;
    args.scale = static_cast<float>(p.scale);
  }
  void finish() const { lse_.finish(); }

  engine::sm80::ForwardArgs args;

 private:
  AlignedInput q_, k_, v_;
  LseOutputs lse_;
};

/// What a plan knows of a backward call: enough for its workspace.
inline engine::sm80::BackwardArgs backward_sizes(const fvattn_problem& p) {
  engine::sm80::BackwardArgs args;
  args.batch = args.stored_batch = static_cast<int>(p.batch);
  args.q_rows = static_cast<int>(p.q_len);
  args.q_heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.head_dim = p.head_dim;
  args.scale = static_cast<float>(p.scale);
  args.deterministic = p.flags & FVATTN_PROBLEM_NEED_DETERMINISM;
  return args;
}

/// Keeps what the arguments point to. args.workspace is the caller's to set.
class Sm80Backward {
 public:
  explicit Sm80Backward(const Call& call)
      : args(backward_sizes(call.problem())), q_(call, "q"), k_(call, "k"), v_(call, "v"), o_(call, "o"), d_o_(call, "d_o"),
        d_q_(call, "d_q", call.in("q")), d_k_(call, "d_k", call.in("k")), d_v_(call, "d_v", call.in("v")) {
    args.q = sm80_view(q_), args.k = sm80_view(k_), args.v = sm80_view(v_), args.o = sm80_view(o_);
    args.d_o = sm80_view(d_o_), args.d_q = d_q_.view(), args.d_k = d_k_.view(), args.d_v = d_v_.view();
    args.lse = row_values(plugin::data<const float>(call.saved("lse")), call.problem());
  }

  engine::sm80::BackwardArgs args;

 private:
  AlignedInput q_, k_, v_, o_, d_o_;
  Gradient d_q_, d_k_, d_v_;
};

}  // namespace fvattn::plugin::gpu
