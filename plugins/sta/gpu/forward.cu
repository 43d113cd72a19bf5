#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"
#include "windows.cuh"
#include "workspace.hpp"

#include <fvattn/plugin/gpu/sm80_calls.cuh>
#include <fvattn/plugin/gpu/sm90_arguments.cuh>

namespace sta::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

Result result_of(const sm80::MutableTensor& o) { return {o.data, o.batch_stride, o.row_stride, o.head_stride}; }

/// Runs the kernels of a call with one set of windows or another.
class Runner {
 public:
  Runner(const Call& call, Workspace& workspace)
      : problem_(call.problem()),
        schedule_(call.plan_state<Schedule>()),
        stream_(stream_of(call)),
        device_windows_(take_windows(problem_, workspace)) {}

  /// windows: in host memory, null for everything.
  void run(const sm80::ForwardArgs& args, const Extent3* windows) const {
    if (windows != nullptr)
      check(upload_windows(windows, problem_.heads, device_windows_, stream_), "uploading the windows");
    const Attended attended{schedule_, windows != nullptr ? device_windows_ : nullptr, windows,
                            static_cast<int>(problem_.heads)};
    cudaError_t error = cudaErrorInvalidValue;
    HeadDims::visit(problem_.head_dim, [&](auto dim) {
      with_element(problem_, [&](auto element) {
        error = run_kernel<decltype(dim)::value, decltype(element)>(args, attended);
      });
    });
    check(error, "forward");
  }

  /// Every candidate with the arguments of the full result, which is args.o, and its distance from that.
  void search(const Call& call, sm80::ForwardArgs args, Workspace& workspace) const {
    const SearchScratch scratch(problem_, workspace);
    const Result full = result_of(args.o);
    const int64_t row = int64_t{args.q_heads} * args.head_dim;
    args.o = {scratch.o, problem_.q_len * row, row, args.head_dim};
    args.lse = {};
    const LossSizes sizes{args.batch, static_cast<int>(problem_.q_len), args.q_heads, args.head_dim};
    double *l2 = data<double>(call.out("l2_loss")), *l1 = data<double>(call.out("l1_loss"));
    for (int i = 0; i < schedule_.candidates(); ++i) {
      run(args, schedule_.candidate(i));
      with_element(problem_, [&](auto element) {
        check(losses<decltype(element)>(sizes, result_of(args.o), full, scratch.sums, l2 + i * args.q_heads,
                                        l1 + i * args.q_heads, stream_),
              "losses of a candidate");
      });
    }
  }

 private:
  template <int kDim, class Element>
  cudaError_t run_kernel(const sm80::ForwardArgs& args, const Attended& attended) const {
    if constexpr (kDim <= kLargestSm90Dim)
      if (gpu_.is_hopper() && serves_sm90_forward<kDim>(schedule_, problem_.scale))
        return sm90_forward<kDim, Element>(sm90_args(args, problem_, gpu_), attended, stream_);
    return sm80_forward<kDim, Element>(args, attended, stream_);
  }

  const fvattn_problem& problem_;
  const Schedule& schedule_;
  cudaStream_t stream_;
  Gpu gpu_ = Gpu::current();
  Extent3* device_windows_;
};

}  // namespace

void forward(const Call& call) {
  const auto& schedule = call.plan_state<Schedule>();
  const Extent3* windows = schedule.windows_at(call.step(), call.total_steps());
  Workspace workspace = call.workspace();
  const Runner runner(call, workspace);
  const Sm80Forward inputs(call);
  runner.run(inputs.args, windows);
  inputs.finish();
  if (schedule.candidates() > 0) runner.search(call, inputs.args, workspace);
}

}  // namespace sta::gpu
