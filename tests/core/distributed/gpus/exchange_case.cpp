#include "exchange_case.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>

namespace fvattn::test {
namespace {

int64_t bytes_of(const Layout& l) { return l.batches * l.batch_stride; }

int64_t heads_of(const Ranges& heads) {
  int64_t most = 0;
  for (const Range& range : heads) most = std::max(most, range.end());
  return most;
}

}  // namespace

ExchangeCase::ExchangeCase(int ranks, unsigned seed) : ranks_(ranks) {
  std::mt19937 random(seed);
  const auto pick = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  std::vector<int64_t> sizes;
  for (int r = 0; r < ranks; ++r) sizes.push_back(pick(0, 3) == 0 ? pick(0, 3) : pick(40, 300));
  const Ranges sequence = consecutive(sizes);
  const int64_t kv = pick(1, 5);
  const HeadSplit split = split_heads(kv * pick(1, 3), kv, ranks).value();
  constexpr int64_t kHeadBytes[] = {256, 128, 48, 12, 6};
  for (int64_t t = pick(1, 4); t > 0; --t) {
    const auto pattern = static_cast<Pattern>(pick(0, 3));
    const bool one = pattern == Pattern::all_gather_heads || pattern == Pattern::stack_heads;
    const bool joins = pattern == Pattern::gather_heads || pattern == Pattern::all_gather_heads;
    tensors_.push_back({pattern, one ? Ranges{{0, pick(1, 60)}} : sequence, joins || pick(0, 1) == 0 ? split.q : split.kv,
                        pick(1, 2), kHeadBytes[pick(0, 4)], pick(0, 2) == 0 ? 16 : 0});
  }
}

Layout ExchangeCase::layout(const Tensor& t, int rank, bool source) const {
  const auto r = static_cast<size_t>(rank);
  const bool one = t.sequence.size() == 1;
  const bool spreads = t.pattern == Pattern::scatter_heads || t.pattern == Pattern::stack_heads;
  const bool has_all_heads = spreads == source;
  int64_t rows = total_of(t.sequence);
  if (has_all_heads && !one) rows = t.sequence[r].size;
  if (!has_all_heads && t.pattern == Pattern::stack_heads) rows *= ranks_;
  Layout l{nullptr, t.batches, rows, has_all_heads ? heads_of(t.heads) : t.heads[r].size, t.head_bytes, 0, 0};
  l.row_stride = l.heads * l.head_bytes + t.gap;
  l.batch_stride = l.rows * l.row_stride + t.gap;
  return l;
}

std::vector<ExchangeCase::Bytes> ExchangeCase::sources(int rank, unsigned content) const {
  std::vector<Bytes> all;
  for (const Tensor& t : tensors_) {
    std::mt19937 random(content * 1024 + static_cast<unsigned>(rank) * 32 + static_cast<unsigned>(all.size()));
    Bytes bytes(static_cast<size_t>(bytes_of(layout(t, rank, true))));
    for (std::byte& x : bytes) x = static_cast<std::byte>(random());
    all.push_back(std::move(bytes));
  }
  return all;
}

std::vector<ExchangeCase::Bytes> ExchangeCase::poison(int rank) const {
  std::vector<Bytes> all;
  for (const Tensor& t : tensors_) all.emplace_back(static_cast<size_t>(bytes_of(layout(t, rank, false))), std::byte{0xff});
  return all;
}

Exchange ExchangeCase::of(int rank, const std::vector<std::byte*>& sources, const std::vector<std::byte*>& targets) const {
  Exchange exchange{"exchange", {}, nullptr};
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& t = tensors_[i];
    Layout source = layout(t, rank, true), target = layout(t, rank, false);
    source.data = sources[i];
    target.data = targets[i];
    const std::string name(1, static_cast<char>('a' + i));
    exchange.transfers.push_back({name, t.pattern, t.sequence, t.heads, source, target});
  }
  return exchange;
}

std::vector<ExchangeCase::Bytes> ExchangeCase::expected(int rank, unsigned content) const {
  const auto n = static_cast<size_t>(ranks_);
  std::vector<std::vector<Bytes>> from(n), to(n);
  std::vector<std::thread> threads;
  std::vector<Status> statuses(n);
  for (const auto& self : make_thread_communicators(ranks_))
    threads.emplace_back([&, self] {
      const auto r = static_cast<size_t>(self->rank());
      from[r] = sources(self->rank(), content);
      to[r] = poison(self->rank());
      std::vector<std::byte*> f, t;
      for (Bytes& bytes : from[r]) f.push_back(bytes.data());
      for (Bytes& bytes : to[r]) t.push_back(bytes.data());
      statuses[r] = self->exchange(of(self->rank(), f, t));
    });
  for (std::thread& thread : threads) thread.join();
  for (const Status& status : statuses)
    if (!status.ok()) throw std::runtime_error("the thread transport: " + status.text());
  return to[static_cast<size_t>(rank)];
}

}  // namespace fvattn::test
