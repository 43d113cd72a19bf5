#include "bench/dist/exchange_case.hpp"

#include "ranks/rank_device.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fvattn::bench::dist {
namespace {

constexpr int64_t kElement = 2;  // bytes

Layout layout_of(const at::Tensor& t) {
  const int64_t head = t.size(3) * kElement;
  return {static_cast<std::byte*>(t.numel() == 0 ? nullptr : t.data_ptr()), 1, t.size(1), t.size(2), head, t.size(2) * head,
          t.size(1) * t.size(2) * head};
}

}  // namespace

double ExchangeCase::remote_bytes(int ranks) const {
  const Ranges sequence = split_evenly(rows, ranks), split = split_evenly(heads, ranks);
  double most = 0;
  for (int target = 0; target < ranks; ++target) {
    double bytes = 0;
    for (int source = 0; source < ranks; ++source) {
      const Block block = block_between(pattern, sequence, split, source, target);
      if (source != target) bytes += static_cast<double>(block.rows * block.heads * dim * kElement * tensors);
    }
    most = std::max(most, bytes);
  }
  return most;
}

std::vector<ExchangeCase> model_cases() {
  struct Model {
    const char* name;
    int64_t rows, heads;
  };
  static constexpr Model models[] = {{"wan14b-720p", int64_t{21} * 45 * 80, 40},
                                     {"wan14b-480p", int64_t{21} * 30 * 52, 40},
                                     {"wan1.3b-720p", int64_t{21} * 45 * 80, 12},
                                     {"wan1.3b-480p", int64_t{21} * 30 * 52, 12}};
  std::vector<ExchangeCase> cases;
  for (const Model& m : models) {
    cases.push_back({std::string(m.name) + " qkv", Pattern::scatter_heads, 3, m.rows, m.heads, 128});
    cases.push_back({std::string(m.name) + " o", Pattern::gather_heads, 1, m.rows, m.heads, 128});
  }
  return cases;
}

ExchangeCase case_of_bytes(double bytes, int ranks) {
  ExchangeCase made{{}, Pattern::scatter_heads, 3, 0, 40, 128};
  const double of_row = 3.0 * 40 * 128 * kElement * (ranks - 1) / ranks / ranks;
  made.rows = std::max<int64_t>(ranks, std::llround(bytes / std::max(of_row, 1.0)));
  const bool small = bytes < 1e6;
  made.name = std::to_string(std::llround(bytes / (small ? 1e3 : 1e6))) + (small ? " kB" : " MB");
  return made;
}

ExchangeCase empty_case(int ranks) { return {"one token", Pattern::scatter_heads, 1, ranks, ranks, 128}; }

CaseTensors::CaseTensors(const ExchangeCase& what, const Member& member)
    : what_(what),
      device_(member.device()),
      sequence_(split_evenly(what.rows, member.size())),
      heads_(split_evenly(what.heads, member.size())),
      own_rows_(sequence_[static_cast<size_t>(member.rank())]),
      own_heads_(heads_[static_cast<size_t>(member.rank())]),
      all_rows_{0, what.rows},
      all_heads_{0, what.heads} {
  const bool scatters = what.pattern == Pattern::scatter_heads;
  const Range &rows = scatters ? all_rows_ : own_rows_, &heads = scatters ? own_heads_ : all_heads_;
  for (int t = 0; t < what.tensors; ++t) {
    sources_.push_back(scatters ? values(t, own_rows_, all_heads_) : values(t, all_rows_, own_heads_));
    targets_.push_back(at::empty({1, rows.size, heads.size, what.dim}, sources_.back().options()));
  }
}

at::Tensor CaseTensors::values(int tensor, const Range& rows, const Range& heads) const {
  const at::TensorOptions ints = at::TensorOptions(at::kInt).device(device_);
  constexpr int kRow = 31337, kColumn = 7919, kTensor = 104729;
  const at::Tensor row = (at::arange(rows.begin, rows.end(), ints) * kRow).view({-1, 1});
  const at::Tensor column = at::arange(heads.begin * what_.dim, heads.end() * what_.dim, ints) * kColumn + tensor * kTensor;
  return (row + column).bitwise_and(0x7fff).to(at::kShort).view({1, rows.size, heads.size, what_.dim});
}

Exchange CaseTensors::exchange() const {
  Exchange exchange;
  exchange.name = what_.pattern == Pattern::scatter_heads ? "scatter_heads" : "gather_heads";
  for (size_t t = 0; t < sources_.size(); ++t)
    exchange.transfers.push_back({std::to_string(t), what_.pattern, sequence_, heads_, layout_of(sources_[t]),
                                  layout_of(targets_[t])});
  auto kept = std::make_shared<std::vector<at::Tensor>>(sources_);
  kept->insert(kept->end(), targets_.begin(), targets_.end());
  exchange.owner = std::move(kept);
  exchange.device = device_.is_cuda() ? device_.index() : -1;
  exchange.stream = host::current_stream(device_);
  return exchange;
}

Status CaseTensors::borrow(Communicator& transport) {
  if (what_.pattern != Pattern::scatter_heads || !transport.lends()) return {};
  const auto lent = transport.lend(exchange());
  if (!lent) return lent.status();
  for (size_t t = 0; t < lent->size(); ++t)
    targets_[t] = at::from_blob((*lent)[t], targets_[t].sizes(), [](void*) {}, targets_[t].options(), device_);
  return {};
}

void CaseTensors::poison() {
  for (at::Tensor& target : targets_) target.fill_(-1);
}

bool CaseTensors::is_right() const {
  const bool scatters = what_.pattern == Pattern::scatter_heads;
  for (size_t t = 0; t < targets_.size(); ++t) {
    const int tensor = static_cast<int>(t);
    const at::Tensor want = scatters ? values(tensor, all_rows_, own_heads_) : values(tensor, own_rows_, all_heads_);
    if (!targets_[t].equal(want)) return false;
  }
  return true;
}

}  // namespace fvattn::bench::dist
