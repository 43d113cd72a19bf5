#include "arguments.cuh"
#include "coarse.cuh"
#include "dispatch.hpp"

namespace vsa::gpu {

using namespace plugin;

namespace {

std::vector<int32_t> to_host(const Call& call, const int* from, int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  const auto bytes = static_cast<std::size_t>(count) * sizeof(int32_t);
  check(cudaMemcpyAsync(values.data(), from, bytes, cudaMemcpyDeviceToHost, stream_of(call)), "block lists to the host");
  check(cudaStreamSynchronize(stream_of(call)), "block lists to the host");
  return values;
}

}  // namespace

KeptBlocks kept_blocks(const Call& call, const Schedule& schedule) {
  const fvattn_problem& p = call.problem();
  Workspace workspace = call.workspace();
  const ForwardMemory memory(p, schedule.meta, workspace);
  if (schedule.given) {
    given_lists(call, memory.lists);
  } else {
    const AlignedInput q(call, "q"), k(call, "k"), v(call, "v");
    pool_inputs(call, block_map(schedule.blocks()), {sm80_view(q), sm80_view(k), sm80_view(v)}, memory);
    select_blocks(call, schedule, memory);
  }
  const int64_t rows = p.batch * p.heads * schedule.blocks().count;
  return {to_host(call, memory.lists.index, rows * memory.lists.width), to_host(call, memory.lists.count, rows),
          memory.lists.width};
}

}  // namespace vsa::gpu
