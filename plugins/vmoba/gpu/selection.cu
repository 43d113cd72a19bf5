#include "selection.cuh"

#include "instances.hpp"
#include "means.cuh"
#include "select_rows.cuh"

#include <fvattn/plugin/gpu/sm80_arguments.cuh>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

bool filters_rows(const fvattn_problem& p, const Config& config, const Limits& limits, uint64_t shared_bytes) {
  bool fits = false;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    fits = static_cast<uint64_t>(filter_bytes(decltype(dim)::value, limits.of_sequence)) <= shared_bytes;
  });
  return fits && !is_varlen(p) && config.rule_of(p.layer_index).domain == Domain::query_head;
}

Selection::Selection(const fvattn_problem& p, const Config& config, const Limits& limits, bool filters, Workspace& workspace)
    : problem_(p), rule_(config.rule_of(p.layer_index)) {
  means_ = workspace.take<double>(p.kv_heads * limits.chunks * p.head_dim);
  if (filters) {
    parts_.emplace(p.kv_heads, static_cast<int>(limits.chunks), p.head_dim, workspace);
    return;
  }
  gates_ = {workspace.take<float>(limits.of_sequence * p.heads * p.q_len), p.heads, static_cast<int>(p.q_len)};
  if (rule_.domain == Domain::query_head) return;
  const int sequences = is_varlen(p) ? static_cast<int>(limits.sequences) : 1,
            domains = domains_of_sequence(rule_, static_cast<int>(limits.of_sequence), p.heads);
  cuts_.emplace(sequences, domains, limits.of_sequence * p.heads * limits.longest / domains, workspace);
}

void Selection::run(const Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const {
  with_element(problem_, [&](auto element) { run_as<decltype(element)>(call, chunks, batch, bits); });
}

template <class Element>
void Selection::run_as(const Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const {
  const cudaStream_t stream = stream_of(call);
  const AlignedInput keys(call, "k");
  const EntryRows<Element> k(sm80_view(keys), problem_.head_dim, batch);
  const int group = problem_.heads / problem_.kv_heads;
  check(chunk_means(chunks, k, problem_.kv_heads, means_, stream), "means of chunks");
  if (parts_) {
    const AlignedInput aligned(call, "q");
    const EntryRows<Element> q(sm80_view(aligned), problem_.head_dim, batch);
    check(split_means<Element>(means_, problem_.kv_heads, *parts_, stream), "parts of means");
    HeadDims::visit(problem_.head_dim, [&](auto dim) {
      const FilterArguments arguments{chunks, group, *parts_, rule_, bits};
      check(filter_rows<decltype(dim)::value, Element>(q, arguments, stream), "selection of chunks by query");
    });
    return;
  }
  const EntryRows<Element> q(call.in("q"), batch);
  check(compute_gates(chunks, q, group, means_, gates_, stream), "gates");
  if (rule_.domain == Domain::query_head) {
    check(select_rows(chunks, gates_, rule_, bits, stream), "selection of chunks by query");
    return;
  }
  check(cuts_->find(chunks, gates_, rule_, stream), "selection of chunks by domain");
  check(mark_chosen(chunks, gates_, rule_, cuts_->cuts(), bits, stream), "marking the chosen chunks");
}

}  // namespace vmoba::gpu
