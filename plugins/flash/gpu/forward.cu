#include "arguments.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"

#include <fvattn/plugin/gpu/sm80_calls.cuh>
#include <fvattn/plugin/gpu/sm90_arguments.cuh>

namespace flash::gpu {

using namespace fvattn::plugin;

void forward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto stream = static_cast<cudaStream_t>(call.stream());
  const Gpu gpu = Gpu::current();
  Workspace workspace = call.workspace();
  const GpuSchedule schedule = make_schedule(call, workspace);
  const fvattn::plugin::gpu::Sm80Forward inputs(call);
  cudaError_t error = cudaErrorInvalidValue;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    with_element(p, [&](auto element) {
      constexpr int kDim = decltype(dim)::value;
      using Element = decltype(element);
      if (gpu.is_hopper() && schedule.dense() && p.scale > 0)
        error = sm90_forward<kDim, Element>(fvattn::plugin::gpu::sm90_args(inputs.args, p, gpu), schedule.causal, stream);
      else
        error = sm80_forward<kDim, Element>(inputs.args, schedule, stream);
    });
  });
  check(error, "forward");
  inputs.finish();
}

}  // namespace flash::gpu
