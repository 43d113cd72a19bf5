// Which backend serves a distributed call, and with which plan.
#include "attention_function.hpp"
#include "device_bridge.hpp"
#include "distributed_core.hpp"
#include "extra_place.hpp"
#include "layer_call.hpp"
#include "mask_alias.hpp"
#include "rng.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>

namespace fvattn {
namespace {

// Ranks that draw the same seed must not drop the same elements of different heads.
constexpr uint64_t kSeedStep = 0x9e3779b97f4a7c15u;

}  // namespace

Status DistributedCore::place_extras(DistributedCall& call, const ShardedInputs& in, const AttentionBackend* backend,
                                     size_t rank) const {
  call.extras.clear();
  for (const NamedTensor& extra : in.extras) {
    const auto known = backend != nullptr ? shard_in_schema(*backend, extra.name) : std::nullopt;
    const int32_t shard = known.value_or(shard_by_shape(extra.tensor, in, shape_));
    auto place = place_of(extra, shard, in, shape_, heads_, rank);
    if (!place) return place.status();
    call.extras.push_back(std::move(*place));
  }
  return {};
}

Result<Problem> DistributedCore::problem_for(const DistributedCall& call, const Inputs& inputs, size_t rank,
                                             double dropout_p, bool differentiable) const {
  auto problem = make_problem(inputs, shape_, {}, call.text_rows);
  if (!problem) return problem;
  problem->dropout_p = dropout_p;
  if (differentiable) problem->flags |= FVATTN_PROBLEM_NEED_GRAD;
  if (is_capturing(current_stream(inputs.q.device()))) problem->flags |= FVATTN_PROBLEM_NEED_CAPTURE;
  if (communicator_->size() == 1) return problem;
  problem->sp_world = communicator_->size();
  problem->sp_rank = static_cast<int32_t>(rank);
  problem->heads_global = static_cast<int32_t>(shape_.heads);
  problem->kv_heads_global = static_cast<int32_t>(shape_.kv_heads);
  problem->head_offset = static_cast<int32_t>(heads_.q[rank].begin);
  problem->kv_head_offset = static_cast<int32_t>(heads_.kv[rank].begin);
  return problem;
}

Result<Selection> DistributedCore::choose(DistributedCall& call, const ShardedInputs& in, double dropout_p,
                                          bool differentiable) {
  const auto device = core_device(in.q.device());
  if (!device) return device.status();
  // Ranks may have different numbers of heads: all choose for those of rank 0, which has some. How an extra is sharded is
  // known only when a backend is, so the choice is repeated with what the first one says.
  std::optional<Selection> chosen;
  do {
    const AttentionBackend* guide = chosen ? chosen->backend : nullptr;
    if (Status status = place_extras(call, in, guide, 0); !status.ok()) return status;
    auto problem = problem_for(call, scattered_like(call, in, 0), 0, dropout_p, differentiable);
    if (!problem) return problem.status();
    auto selection = site_.select(**device, *problem);
    if (!selection) return selection.status();
    chosen = *selection;
    if (in.extras.empty() || guide != nullptr) break;
  } while (true);
  if (Status status = place_extras(call, in, chosen->backend, call.rank()); !status.ok()) return status;
  if (Status status = plan(call, in, *chosen->backend, **device, dropout_p, differentiable); !status.ok()) return status;
  return *chosen;
}

Status DistributedCore::plan(DistributedCall& call, const ShardedInputs& in, const AttentionBackend& backend,
                             const Device& device, double dropout_p, bool differentiable) {
  call.around.context = find_forward_context();
  auto metadata =
      site_.metadata_for(backend, device, call.around.context.get(), current_stream(in.q.device()));
  if (!metadata) return metadata.status();
  call.around.metadata = std::move(*metadata);
  if (call.q_heads().size == 0) return {};

  Inputs seen = scattered_like(call, in, call.rank());
  auto problem = problem_for(call, seen, call.rank(), dropout_p, differentiable);
  if (!problem) return problem.status();
  const bool capturing = (problem->flags & FVATTN_PROBLEM_NEED_CAPTURE) != 0;
  if (capturing && communicator_->size() > 1 && !communicator_->can_be_captured())
    return Status::error(Code::failed_precondition, "the transport '" + communicator_->name() +
                                                        "' waits on the host: it cannot be captured in a CUDA graph");
  const auto aliased = add_mask_alias(call.around.metadata.get(), seen);
  if (!aliased) return aliased.status();
  if (*aliased) {
    call.added.push_back(seen.extras.back());
    problem->extra.push_back(spec_of("mask", seen.extras.back().tensor));
  }
  if (differentiable)
    if (Status status = check_differentiable(backend, {in.q, in.k, in.v, in.extras}); !status.ok()) return status;
  if (dropout_p > 0) {
    auto rng = make_rng(std::nullopt, capturing);
    if (!rng) return rng.status();
    rng->seed += kSeedStep * call.rank();
    call.around.rng = *rng;
  }
  auto prepared = site_.prepare(backend, device, *problem, call.around.metadata);
  if (!prepared) return prepared.status();
  call.prepared = std::move(*prepared);
  return capturing ? site_.note_capture(call.prepared, call.around.metadata) : Status();
}

DistributedResult DistributedCore::run_alone(const DistributedCall& call, const ShardedInputs& in,
                                             const Selection& selection) {
  DistributedResult result;
  const int64_t rows = call.own_rows(), padding = in.q.size(1) - rows, text = call.text_rows;
  const auto part = [&](const at::Tensor& t) { return padding > 0 ? t.narrow(1, 0, rows) : t; };
  const auto whole = [&](const at::Tensor& t, const at::Tensor& tail) {
    return readable(text > 0 ? at::cat({part(t), tail}, 1) : part(t), result.copies);
  };
  Inputs inputs{whole(in.q, in.text_q), whole(in.k, in.text_k), whole(in.v, in.text_v), {}};
  for (size_t i = 0; i < in.extras.size(); ++i) {
    const int32_t shard = call.extras[i].shard;
    const bool by_rows = shard == FVATTN_SHARD_SEQ_HEADS || shard == FVATTN_SHARD_SEQ;
    const at::Tensor& extra = in.extras[i].tensor;
    inputs.extras.push_back({in.extras[i].name, readable(by_rows ? part(extra) : extra, result.copies)});
  }
  inputs.extras.append(call.added.begin(), call.added.end());
  result.o = run(site_, {selection, call.prepared, call.around}, inputs).o;
  if (text > 0) {
    result.text_o = result.o.narrow(1, rows, text);
    result.o = result.o.narrow(1, 0, rows);
  }
  if (padding > 0) result.o = at::constant_pad_nd(result.o, {0, 0, 0, 0, 0, padding}, 0);
  return result;
}

}  // namespace fvattn
