#include "select.hpp"

#include "domain.hpp"
#include "gates.hpp"
#include "row.hpp"

#include <algorithm>

namespace vmoba {

using namespace fvattn::plugin;

namespace {

/// body(head, first place, places) for every gate tile, on the host's threads; `make` gives what a thread keeps.
template <class Make, class Body>
void for_each_tile(int heads, int length, Make&& make, Body&& body) {
  const int tiles = (length + kGateTile - 1) / kGateTile;
  parallel_for(int64_t{heads} * tiles, 1, [&](int64_t lo, int64_t hi) {
    auto mine = make();
    for (int64_t i = lo; i < hi; ++i) {
      const int first = static_cast<int>(i % tiles) * kGateTile;
      body(mine, static_cast<int>(i / tiles), first, std::min(kGateTile, length - first));
    }
  });
}

void set(std::uint32_t* words, int chunk) { words[chunk / 32] |= std::uint32_t{1} << (chunk % 32); }

}  // namespace

Selection::Selection(const fvattn_problem& p, const Config& config, const Limits& limits, Workspace& workspace)
    : problem_(p), rule_(config.rule_of(p.layer_index)), words_(limits.words()) {
  means_ = workspace.take<double>(p.kv_heads * limits.of_sequence * p.head_dim);
  if (rule_.domain != Domain::query_head) store_ = workspace.take<float>(p.heads * limits.of_sequence * limits.longest);
}

void Selection::run(const Call& call, const Partition& partition, std::uint32_t* bits) const {
  const Range range("vmoba selection");
  for (const Sequence& sequence : partition.sequences()) {
    if (sequence.length == 0) continue;
    const Gates gates(call, partition, sequence, means_);
    if (rule_.domain == Domain::query_head)
      run_rows(gates, partition, sequence, bits);
    else
      run_domains(gates, partition, sequence, bits);
  }
}

void Selection::run_rows(const Gates& gates, const Partition& partition, const Sequence& sequence,
                         std::uint32_t* bits) const {
  struct Mine {
    std::vector<float> gates;
    RowSelection selection;
  };
  const auto make = [&] { return Mine{std::vector<float>(static_cast<size_t>(sequence.chunks) * kGateTile), {}}; };
  for_each_tile(problem_.heads, sequence.length, make, [&](Mine& mine, int head, int first, int n) {
    gates.compute(head, first, n, mine.gates.data());
    for (int i = 0; i < n; ++i) {
      const int place = sequence.first_place + first + i, own = partition.chunk_of(place);
      std::uint32_t* words = row_words(bits, sequence.batch, head, partition.row_of(place));
      std::fill_n(words, words_, 0u);
      set(words, own);
      const RowSelection::Chosen chosen =
          mine.selection.choose(mine.gates.data() + i, kGateTile, sequence.chunks, own - sequence.first_chunk, rule_);
      for (int c = 0; c < chosen.count; ++c) set(words, sequence.first_chunk + chosen.chunk[c]);
    }
  });
}

void Selection::run_domains(const Gates& gates, const Partition& partition, const Sequence& sequence,
                            std::uint32_t* bits) const {
  const int heads = problem_.heads, chunks = sequence.chunks;
  const GateStore store{store_, chunks, heads, sequence.length, partition.starts() + sequence.first_chunk,
                        sequence.first_place};
  const auto make = [&] { return std::vector<float>(static_cast<size_t>(chunks) * kGateTile); };
  for_each_tile(heads, sequence.length, make, [&](std::vector<float>& tile, int head, int first, int n) {
    gates.compute(head, first, n, tile.data());
    for (int c = 0; c < chunks; ++c) std::copy_n(tile.data() + c * kGateTile, n, store.row(c, head) + first);
  });
  const int domains = rule_.domain == Domain::block ? chunks : rule_.domain == Domain::head_global ? heads : 1;
  parallel_for(domains, 1, [&](int64_t lo, int64_t hi) {
    for (int d = static_cast<int>(lo); d < static_cast<int>(hi); ++d) {
      DomainRange range{0, chunks, 0, heads};
      if (rule_.domain == Domain::block) range.first_chunk = d, range.end_chunk = d + 1;
      if (rule_.domain == Domain::head_global) range.first_head = d, range.end_head = d + 1;
      choose_in_domain(store, range, rule_);
    }
  });
  for_each_tile(heads, sequence.length, [] { return 0; }, [&](int, int head, int first, int n) {
    for (int i = first; i < first + n; ++i) {
      std::uint32_t* words = row_words(bits, sequence.batch, head, partition.row_of(sequence.first_place + i));
      std::fill_n(words, words_, 0u);
      for (int c = 0; c < chunks; ++c)
        if (store.row(c, head)[i] == kChosen) set(words, sequence.first_chunk + c);
    }
  });
}

}  // namespace vmoba
