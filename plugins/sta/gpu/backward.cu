#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"
#include "windows.cuh"
#include "workspace.hpp"

#include <fvattn/plugin/gpu/sm80_calls.cuh>

namespace sta::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

template <int kDim, class Element>
cudaError_t run_kernel(const sm80::BackwardArgs& args, const Attended& attended, bool hopper, cudaStream_t stream) {
  if constexpr (kDim <= kLargestSm90Dim)
    if (hopper && serves_sm90_backward<kDim>(attended.schedule, args.deterministic))
      return sm90_backward<kDim, Element>(args, attended, stream);
  return sm80_backward<kDim, Element>(args, attended, stream);
}

}  // namespace

void backward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto& schedule = call.plan_state<Schedule>();
  const Extent3* windows = schedule.windows_at(call.step(), call.total_steps());
  Workspace workspace = call.workspace();
  Extent3* const device_windows = take_windows(p, workspace);
  if (windows != nullptr) check(upload_windows(windows, p.heads, device_windows, stream_of(call)), "uploading the windows");
  Sm80Backward inputs(call);
  const bool hopper = Gpu::current().is_hopper();
  inputs.args.workspace = take_backward(p, schedule, hopper, workspace);
  const Attended attended{schedule, windows != nullptr ? device_windows : nullptr};
  cudaError_t error = cudaErrorInvalidValue;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    with_element(p, [&](auto element) {
      error = run_kernel<decltype(dim)::value, decltype(element)>(inputs.args, attended, hopper, stream_of(call));
    });
  });
  check(error, "backward");
}

}  // namespace sta::gpu
