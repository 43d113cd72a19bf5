#include "arguments.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"

#include <fvattn/plugin/gpu/sm80_calls.cuh>
#include <fvattn/plugin/gpu/sm90_arguments.cuh>

namespace flash::gpu {

using namespace fvattn::plugin;

void forward(const Call& call, int sm_count) {
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
      if (takes_sm90(p, gpu.is_hopper())) {
        auto args = fvattn::plugin::gpu::sm90_args(inputs.args, p, gpu);
        const int64_t bytes = sm_count == args.sm_count ? sm90_forward_bytes<kDim>(p, sm_count) : 0;
        if (bytes > 0) args.workspace = reinterpret_cast<float*>(workspace.take<char>(bytes));
        error = sm90_forward<kDim, Element>(args, schedule.causal, stream);
      } else {
        error = sm80_forward<kDim, Element>(inputs.args, schedule, stream);
      }
    });
  });
  check(error, "forward");
  inputs.finish();
}

}  // namespace flash::gpu
