#include "bench/dist/block.hpp"

#include "bench/dist/stopwatch.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

namespace fvattn::bench::dist {
namespace {

constexpr int kWarmUps = 2;
constexpr uint64_t kSeed = 20;

at::ScalarType dtype_on(at::Device device) { return device.is_cuda() ? at::kBFloat16 : at::kFloat; }

Status status_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return error.status();
  } catch (const c10::Error& error) {
    return Status::error(Code::resource_exhausted, error.what_without_backtrace());
  }
}

}  // namespace

Result<std::unique_ptr<Block>> Block::prepare(const Member& member, const BlockCase& what) {
  std::unique_ptr<Block> block(new Block(member, what));
  Status status = status_of([&] {
    const Workload& w = what.workload;
    const at::TensorOptions options = at::TensorOptions(dtype_on(member.device())).device(member.device());
    at::Generator random = at::globalContext().defaultGenerator(member.device()).clone();
    random.set_current_seed(kSeed);
    at::Tensor* const tensors[] = {&block->operands_.q, &block->operands_.k, &block->operands_.v, &block->operands_.gate};
    for (at::Tensor* tensor : tensors)
      if (tensor != tensors[3] || what.has_gate) *tensor = at::randn({1, w.q_len, w.heads, w.dim}, random, options);
    auto made = Contender::prepare(what.backend, w, block->operands_, false);
    if (!made) throw Error(made.status());
    block->contender_ = std::move(*made);
    block->options_ = block->contender_->layer_options();
    block->context_ = block->contender_->context();
    if (member.is_root()) block->flop_ = 4.0 * static_cast<double>(block->contender_->pairs()) * static_cast<double>(w.dim);
  });
  if (status = member.all_well(status); !status.ok()) return status;
  block->flop_ = member.from_root(block->flop_);
  return block;
}

Result<Spread> Block::one_rank_ms(const Repetitions& repetitions) {
  const Range rows = split_evenly(what_.workload.q_len, member_.size())[static_cast<size_t>(member_.rank())];
  Stopwatch watch(member_.device());
  at::Tensor o;
  const auto run = [&] {
    watch.start();
    o = contender_->forward();
    watch.stop();
  };
  Status status = status_of([&] {
    for (int i = 0; member_.is_root() && i < kWarmUps; ++i) run();
  });
  if (status = member_.all_well(status); !status.ok()) return status;
  const int runs = runs_of(member_, watch.ms(), repetitions);
  std::vector<double> ms;
  status = status_of([&] {
    for (int i = 0; member_.is_root() && i < runs; ++i) {
      run();
      ms.push_back(watch.ms());
    }
    if (member_.is_root()) expected_ = o.narrow(1, rows.begin, rows.size).clone();
    contender_.reset();
    for (at::Tensor* tensor : {&operands_.q, &operands_.k, &operands_.v, &operands_.gate})
      if (tensor->defined()) *tensor = tensor->narrow(1, rows.begin, rows.size).clone();
  });
  if (status = member_.all_well(status); !status.ok()) return status;
  Spread spread = spread_of(ms);
  const std::vector<std::vector<double>> all = member_.of_all({spread.median, spread.p10, spread.p90, double(spread.runs)});
  return Spread{all[0][0], all[0][1], all[0][2], static_cast<int>(all[0][3])};
}

at::Tensor Block::call(DistributedAttention& layer, DistributedAttentionVSA& gated) const {
  const at::NoGradGuard no_grad;
  const ForwardContextScope scope(context_);
  DistributedCallOptions call;
  for (const Range& range : split_evenly(what_.workload.q_len, member_.size())) call.sequence_lengths.push_back(range.size);
  if (what_.has_gate)
    return gated->forward(operands_.q, operands_.k, operands_.v, {}, {}, {}, operands_.gate, {}, call).first;
  return layer->forward(operands_.q, operands_.k, operands_.v, {}, {}, {}, {}, call).first;
}

Result<Block::Times> Block::all_ranks_ms(const std::shared_ptr<Communicator>& transport,
                                         const Repetitions& repetitions) const {
  const Workload& w = what_.workload;
  DistributedAttention layer(nullptr);
  DistributedAttentionVSA gated(nullptr);
  const CaseTensors token(empty_case(member_.size()), member_);
  const Exchange start_line = token.exchange();
  Stopwatch watch(member_.device());
  at::Tensor o;
  const auto run = [&] {
    return status_of([&] {
      member_.barrier();
      if (const Status status = transport->exchange(start_line); !status.ok()) throw Error(status);
      watch.start();
      o = call(layer, gated);
      watch.queued();
      watch.stop();
    });
  };
  Status status = status_of([&] {
    if (what_.has_gate) gated = DistributedAttentionVSA(options_, transport), gated->eval();
    else layer = DistributedAttention(options_, transport), layer->eval();
  });
  if (status = member_.all_well(status); !status.ok()) return status;
  for (int i = 0; i < kWarmUps && status.ok(); ++i) status = run();
  if (status = member_.all_well(status); !status.ok()) return status;
  Times times;
  if (member_.is_root()) {
    const at::Tensor want = expected_.to(at::kFloat);
    times.error = ((o.to(at::kFloat) - want).norm() / want.norm()).item<double>();
  }
  times.error = member_.from_root(times.error);
  const int runs = runs_of(member_, watch.ms(), repetitions);
  std::vector<double> ms, host_ms;
  for (int i = 0; i < runs && status.ok(); ++i) {
    status = run();
    ms.push_back(watch.ms());
    host_ms.push_back(watch.host_ms());
  }
  if (status = member_.all_well(status); !status.ok()) return status;
  times.ms = spread_of(member_.most_of_all(ms));
  times.host_ms = spread_of(member_.most_of_all(host_ms)).median;
  // Elements of 16 bits: wider ones count as several.
  const int64_t dim = w.dim * static_cast<int64_t>(c10::elementSize(dtype_on(member_.device()))) / 2;
  const ExchangeCase parts[] = {
      {"the block's scatter", Pattern::scatter_heads, what_.has_gate ? 4 : 3, w.q_len, w.heads, dim},
      {"the block's gather", Pattern::gather_heads, 1, w.q_len, w.heads, dim}};
  for (const ExchangeCase& part : parts) {
    const auto exchange = measure_exchange(member_, *transport, part, repetitions);
    if (!exchange) return exchange.status();
    times.exchange_ms += exchange->ms.median;
  }
  return times;
}

}  // namespace fvattn::bench::dist
