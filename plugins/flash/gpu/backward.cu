#include "arguments.cuh"
#include "device.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"

namespace flash::gpu {

using namespace fvattn::plugin;

namespace {

/// A gradient that the caller wants, or memory of the same shape for one it does not: the kernels write all three.
class Gradient {
 public:
  Gradient(const Call& call, const char* name, const fvattn_tensor& of) {
    if (const fvattn_tensor* wanted = call.find_out(name)) {
      view_ = sm80_view(*wanted);
      return;
    }
    const int64_t row = of.shape[2] * of.shape[3];
    unwanted_ = call.alloc(static_cast<uint64_t>(numel(of)) * 2);
    view_ = {unwanted_.data(), of.shape[1] * row, row, of.shape[3]};
  }
  const sm80::MutableTensor& view() const { return view_; }

 private:
  DeviceBuffer unwanted_;
  sm80::MutableTensor view_;
};

}  // namespace

void backward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto stream = static_cast<cudaStream_t>(call.stream());
  Workspace workspace = call.workspace();
  const GpuSchedule schedule = make_schedule(call, workspace);
  const AlignedInput q(call, "q"), k(call, "k"), v(call, "v"), o(call, "o"), d_o(call, "d_o");
  const Gradient d_q(call, "d_q", call.in("q")), d_k(call, "d_k", call.in("k")), d_v(call, "d_v", call.in("v"));

  sm80::BackwardArgs args;
  args.q = sm80_view(q);
  args.k = sm80_view(k);
  args.v = sm80_view(v);
  args.o = sm80_view(o);
  args.d_o = sm80_view(d_o);
  args.lse = row_values(data<const float>(call.saved("lse")), p);
  args.d_q = d_q.view();
  args.d_k = d_k.view();
  args.d_v = d_v.view();
  args.batch = args.stored_batch = static_cast<int>(p.batch);
  args.q_rows = static_cast<int>(p.q_len);
  args.q_heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.head_dim = p.head_dim;
  args.scale = static_cast<float>(p.scale);
  args.deterministic = p.flags & FVATTN_PROBLEM_NEED_DETERMINISM;
  cudaError_t error = cudaErrorInvalidValue;
  with_head_dim(p.head_dim, [&](auto dim) {
    with_element(p, [&](auto element) {
      constexpr int kDim = decltype(dim)::value;
      using Element = decltype(element);
      std::size_t bytes = 0;
      error = sm80_backward<kDim, Element>(args, schedule, stream, &bytes);
      if (error != cudaSuccess) return;
      args.workspace = workspace.take<char>(static_cast<int64_t>(bytes));
      error = sm80_backward<kDim, Element>(args, schedule, stream, nullptr);
    });
  });
  check(error, "backward");
}

}  // namespace flash::gpu
