#include "selection.cuh"

#include "means.cuh"
#include "select_rows.cuh"

#include <fvattn/plugin/gpu/device.cuh>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

Selection::Selection(const fvattn_problem& p, const Config& config, const Limits& limits, Workspace& workspace)
    : problem_(p), rule_(config.rule_of(p.layer_index)) {
  means_ = workspace.take<double>(p.kv_heads * limits.chunks * p.head_dim);
  gates_ = {workspace.take<float>(limits.of_sequence * p.heads * p.q_len), p.heads, static_cast<int>(p.q_len)};
  if (rule_.domain == Domain::query_head) return;
  const int64_t sequences = is_varlen(p) ? limits.sequences : 1;
  cuts_ = workspace.take<Cut>(sequences * domains_of_sequence(rule_, static_cast<int>(limits.of_sequence), p.heads));
}

void Selection::run(const Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const {
  with_element(problem_, [&](auto element) { run_as<decltype(element)>(call, chunks, batch, bits); });
}

template <class Element>
void Selection::run_as(const Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const {
  const cudaStream_t stream = stream_of(call);
  const EntryRows<Element> q(call.in("q"), batch), k(call.in("k"), batch);
  check(chunk_means(chunks, k, problem_.kv_heads, means_, stream), "means of chunks");
  check(compute_gates(chunks, q, problem_.heads / problem_.kv_heads, means_, gates_, stream), "gates");
  if (rule_.domain == Domain::query_head) {
    check(select_rows(chunks, gates_, rule_, bits, stream), "selection of chunks by query");
    return;
  }
  check(cut_domains(chunks, gates_, rule_, cuts_, stream), "selection of chunks by domain");
  check(mark_chosen(chunks, gates_, rule_, cuts_, bits, stream), "marking the chosen chunks");
}

}  // namespace vmoba::gpu
