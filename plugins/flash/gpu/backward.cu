#include "arguments.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"

#include <fvattn/plugin/gpu/sm80_calls.cuh>

namespace flash::gpu {

using namespace fvattn::plugin;
namespace sm80 = fvattn::engine::sm80;

namespace {

/// args.workspace null: only *bytes is set.
template <int kDim, class Element>
cudaError_t run_backward(bool on_sm90, const sm80::BackwardArgs& args, const GpuSchedule& schedule, cudaStream_t stream,
                         std::size_t* bytes) {
  if constexpr (kDim <= kLargestSm90BackwardDim)
    if (on_sm90) return sm90_backward<kDim, Element>(args, schedule, stream, bytes);
  return sm80_backward<kDim, Element>(args, schedule, stream, bytes);
}

bool on_sm90(const GpuSchedule& schedule, const sm80::BackwardArgs& args, bool hopper) {
  return hopper && serves_sm90_backward(args.head_dim, schedule.dense(), args.deterministic);
}

}  // namespace

std::size_t backward_bytes(const fvattn_problem& p, const GpuSchedule& schedule, bool hopper) {
  const sm80::BackwardArgs args = fvattn::plugin::gpu::backward_sizes(p);
  std::size_t bytes = 0;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    (void)run_backward<decltype(dim)::value, __nv_bfloat16>(on_sm90(schedule, args, hopper), args, schedule, nullptr, &bytes);
  });
  return bytes;
}

void backward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto stream = static_cast<cudaStream_t>(call.stream());
  Workspace workspace = call.workspace();
  const GpuSchedule schedule = make_schedule(call, workspace);
  fvattn::plugin::gpu::Sm80Backward inputs(call);
  sm80::BackwardArgs& args = inputs.args;
  const bool hopper = Gpu::current().is_hopper();
  args.workspace = workspace.take<char>(static_cast<int64_t>(backward_bytes(p, schedule, hopper)));
  cudaError_t error = cudaErrorInvalidValue;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    with_element(p, [&](auto element) {
      error = run_backward<decltype(dim)::value, decltype(element)>(on_sm90(schedule, args, hopper), args, schedule, stream, nullptr);
    });
  });
  check(error, "backward");
}

}  // namespace flash::gpu
