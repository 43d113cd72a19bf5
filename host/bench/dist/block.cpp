#include "bench/dist/block.hpp"

#include "bench/dist/link.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

namespace fvattn::bench::dist {
namespace {

constexpr int kWarmUps = 2;
constexpr double kMostRestMs = 60;
constexpr double kHoldUs = 500;  // longer than the host needs for a call
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

/// One transport, and what was measured over it.
struct Block::Turn {
  std::shared_ptr<Communicator> transport;
  DistributedAttention layer{nullptr};
  DistributedAttentionVSA gated{nullptr};
  Status status;
  double error = 0;
  std::vector<double> ms, host_ms;
};

Status Block::one_rank() {
  return status_of([&] {
    member_.barrier();
    if (!takes_whole_) return;
    hold(member_.device(), kHoldUs);
    watch_->start();
    o_ = contender_->forward();
    watch_->stop();
  });
}

Status Block::all_ranks(Turn& turn) {
  return status_of([&] {
    const at::NoGradGuard no_grad;
    const ForwardContextScope scope(context_);
    DistributedCallOptions call;
    for (const Range& range : split_evenly(what_.workload.q_len, member_.size()))
      call.sequence_lengths.push_back(range.size);
    member_.barrier();
    if (const Status status = turn.transport->exchange(token_->exchange()); !status.ok()) throw Error(status);
    hold(member_.device(), kHoldUs);
    watch_->start();
    if (what_.has_gate)
      o_ = turn.gated->forward(own_.q, own_.k, own_.v, {}, {}, {}, own_.gate, {}, call).first;
    else
      o_ = turn.layer->forward(own_.q, own_.k, own_.v, {}, {}, {}, {}, call).first;
    watch_->queued();
    watch_->stop();
  });
}

Result<double> Block::exchange_ms(Communicator& transport, const Repetitions& repetitions) const {
  const Workload& w = what_.workload;
  // Elements of 16 bits: wider ones count as several.
  const int64_t dim = w.dim * static_cast<int64_t>(c10::elementSize(dtype_on(member_.device()))) / 2;
  const ExchangeCase parts[] = {
      {"the block's scatter", Pattern::scatter_heads, what_.has_gate ? 4 : 3, w.q_len, w.heads, dim},
      {"the block's gather", Pattern::gather_heads, 1, w.q_len, w.heads, dim}};
  double ms = 0;
  for (const ExchangeCase& part : parts) {
    const auto exchange = measure_exchange(member_, transport, part, repetitions);
    if (!exchange) return exchange.status();
    ms += exchange->ms.median;
  }
  return ms;
}

Result<Block::Rounds> Block::measure(const std::vector<std::shared_ptr<Communicator>>& transports,
                                     const Repetitions& repetitions) {
  const Range rows = split_evenly(what_.workload.q_len, member_.size())[static_cast<size_t>(member_.rank())];
  const auto places = member_.of_all({static_cast<double>(member_.device().index())});
  const bool shared = !member_.on_gpu() || std::set(places.begin(), places.end()).size() < places.size();
  takes_whole_ = member_.is_root() || !shared;
  watch_.emplace(member_.device());
  at::Tensor expected;
  Status status = status_of([&] {
    token_ = std::make_unique<CaseTensors>(empty_case(member_.size()), member_);
    const at::Tensor* const whole[] = {&operands_.q, &operands_.k, &operands_.v, &operands_.gate};
    at::Tensor* const own[] = {&own_.q, &own_.k, &own_.v, &own_.gate};
    for (size_t i = 0; i < std::size(whole); ++i)
      if (whole[i]->defined()) *own[i] = whole[i]->narrow(1, rows.begin, rows.size).clone();
  });
  if (status = member_.all_well(status); !status.ok()) return status;
  for (int i = 0; i < kWarmUps && status.ok(); ++i) status = one_rank();
  if (status = member_.all_well(status); !status.ok()) return status;
  double round_ms = member_.from_root(watch_->ms());
  const double rest_ms = std::min(round_ms, kMostRestMs);
  if (member_.is_root()) expected = o_.narrow(1, rows.begin, rows.size).to(at::kFloat);

  std::vector<Turn> turns(transports.size());
  for (size_t i = 0; i < turns.size(); ++i) {
    Turn& turn = turns[i];
    turn.transport = transports[i];
    status = status_of([&] {
      if (what_.has_gate) turn.gated = DistributedAttentionVSA(options_, turn.transport), turn.gated->eval();
      else turn.layer = DistributedAttention(options_, turn.transport), turn.layer->eval();
    });
    for (int j = 0; j < kWarmUps && status.ok(); ++j) status = all_ranks(turn);
    turn.status = member_.all_well(status);
    if (member_.is_root() && turn.status.ok())
      turn.error = ((o_.to(at::kFloat) - expected).norm() / expected.norm()).item<double>();
    turn.error = member_.from_root(turn.error);
    round_ms += member_.from_root(watch_->ms());
  }

  round_ms += rest_ms * static_cast<double>(1 + turns.size());
  const int runs = runs_of(member_, round_ms, repetitions);
  std::vector<double> one_rank_ms;
  const size_t places_in_turn = 1 + turns.size();
  for (size_t i = 0; i < static_cast<size_t>(runs) * places_in_turn; ++i) {
    const size_t place = (i + i / places_in_turn) % places_in_turn;  // one further in each round
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(rest_ms));
    if (place == 0) {
      if (status = member_.all_well(one_rank()); !status.ok()) return status;
      one_rank_ms.push_back(takes_whole_ ? watch_->ms() : 0);
      continue;
    }
    Turn& turn = turns[place - 1];
    if (!turn.status.ok()) continue;
    turn.status = member_.all_well(all_ranks(turn));
    turn.ms.push_back(watch_->ms());
    turn.host_ms.push_back(watch_->host_ms());
  }
  Rounds rounds{spread_of(member_.most_of_all(one_rank_ms)), {}};
  for (Turn& turn : turns) {
    Times times{turn.status, spread_of(member_.most_of_all(turn.ms)), 0, turn.error,
                spread_of(member_.most_of_all(turn.host_ms)).median};
    if (times.status.ok()) {
      const auto exchange = exchange_ms(*turn.transport, repetitions);
      if (exchange) times.exchange_ms = *exchange;
      else times.status = exchange.status();
    }
    rounds.over.push_back(std::move(times));
  }
  return rounds;
}

}  // namespace fvattn::bench::dist
