#include "backend.hpp"

#include "cpu/dispatch.hpp"
#include "gpu/dispatch.hpp"

#include <fvattn/plugin/gpu/hopper.hpp>

namespace sta {

using namespace fvattn::plugin;

SlidingTileAttention::SlidingTileAttention(const fvattn_impl_desc& desc)
    : on_gpu_(desc.device->type == FVATTN_CUDA),
      hopper_(fvattn::plugin::gpu::is_hopper(*desc.device)),
      strategy_file_(KeyValues(desc.options).get<std::string>("FASTVIDEO_ATTENTION_CONFIG", {})) {}

void SlidingTileAttention::plan(const fvattn_problem& p, const Metadata* metadata, Plan& plan) {
  if (!metadata) fail(FVATTN_INVALID_ARGUMENT, "SLIDING_TILE_ATTN needs metadata: the key dit_seq_shape is missing");
  auto schedule = std::make_unique<Schedule>(p, *metadata, strategy_file_);
  // On a GPU, gradients are summed by atomics unless determinism is asked for.
  const bool sums_vary = on_gpu_ && (p.flags & FVATTN_PROBLEM_NEED_GRAD) && !(p.flags & FVATTN_PROBLEM_NEED_DETERMINISM);
  if (!sums_vary) plan.flags(FVATTN_PLAN_DETERMINISTIC);
  if (schedule->depends_on_step()) plan.flags(FVATTN_PLAN_GRAPH_PER_STEP);
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) plan.save("lse", dtype(p) == kF64 ? kF64 : kF32, {p.batch, p.heads, p.q_len});
  if (const int n = schedule->candidates(); n > 0)
    for (const char* loss : {"l2_loss", "l1_loss"}) plan.output(loss, kF64, {n, p.heads});
  if (on_gpu_)
    gpu::plan(p, *schedule, hopper_, plan);
  else
    cpu::plan(p, *schedule, plan);
  plan.state(std::move(schedule));
}

void SlidingTileAttention::forward(const Call& call) { on_gpu_ ? gpu::forward(call) : cpu::forward(call); }

void SlidingTileAttention::backward(const Call& call) { on_gpu_ ? gpu::backward(call) : cpu::backward(call); }

}  // namespace sta
