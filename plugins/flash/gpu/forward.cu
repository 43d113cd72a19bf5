#include "arguments.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"

namespace flash::gpu {

using namespace fvattn::plugin;

namespace {

struct Inputs {
  AlignedInput q, k, v;
  explicit Inputs(const Call& call) : q(call, "q"), k(call, "k"), v(call, "v") {}
};

sm90::ForwardArgs sm90_args(const Call& call, const Inputs& in, const Gpu& gpu, float* lse) {
  const fvattn_problem& p = call.problem();
  sm90::ForwardArgs args;
  args.q = sm90_view(in.q);
  args.k = sm90_view(in.k);
  args.v = sm90_view(in.v);
  args.o = sm90_view(call.out("o"));
  args.lse = lse;
  args.batch = static_cast<int>(p.batch);
  args.heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.head_dim = p.head_dim;
  args.q_tokens = static_cast<int>(p.q_len);
  args.kv_tokens = static_cast<int>(p.kv_len);
  args.scale = static_cast<float>(p.scale);
  args.bfloat16 = dtype(p) == kBF16;
  args.sm_count = gpu.sm_count;
  args.l2_bytes = gpu.l2_bytes;
  return args;
}

sm80::ForwardArgs sm80_args(const Call& call, const Inputs& in, float* lse) {
  const fvattn_problem& p = call.problem();
  sm80::ForwardArgs args;
  args.q = sm80_view(in.q);
  args.k = sm80_view(in.k);
  args.v = sm80_view(in.v);
  args.o = sm80_view(call.out("o"));
  args.lse = row_values(lse, p);
  args.batch = static_cast<int>(p.batch);
  args.q_heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.head_dim = p.head_dim;
  args.scale = static_cast<float>(p.scale);
  return args;
}

float* lse_of(const fvattn_tensor* t) { return t != nullptr ? data<float>(*t) : nullptr; }

}  // namespace

void forward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto stream = static_cast<cudaStream_t>(call.stream());
  const Gpu gpu = Gpu::current();
  Workspace workspace = call.workspace();
  const GpuSchedule schedule = make_schedule(call, workspace);
  const Inputs in(call);
  float *asked = lse_of(call.find_out("lse")), *saved = lse_of(call.find_saved("lse"));
  float* lse = asked != nullptr ? asked : saved;

  cudaError_t error = cudaErrorInvalidValue;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    with_element(p, [&](auto element) {
      constexpr int kDim = decltype(dim)::value;
      using Element = decltype(element);
      if (gpu.is_hopper() && schedule.dense() && p.scale > 0)
        error = sm90_forward<kDim, Element>(sm90_args(call, in, gpu, lse), schedule.causal, stream);
      else
        error = sm80_forward<kDim, Element>(sm80_args(call, in, lse), schedule, stream);
    });
  });
  check(error, "forward");
  if (asked != nullptr && saved != nullptr) {
    const auto bytes = static_cast<std::size_t>(p.batch * p.heads * p.q_len) * sizeof(float);
    check(cudaMemcpyAsync(saved, asked, bytes, cudaMemcpyDeviceToDevice, stream), "saving lse");
  }
}

}  // namespace flash::gpu
