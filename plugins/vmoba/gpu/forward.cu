#include "schedule.cuh"

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

void attend_all(const Call& call, const Limits& limits, const sm80::ForwardArgs& args) {
  const Dense dense = dense_of(call, limits);
  with_kernel(call.problem(), "dense forward", [&](auto dim, auto element) {
    return dense_forward<decltype(dim)::value, decltype(element)>(args, dense, stream_of(call));
  });
}

/// Queries meet the chunks that they or a neighbour chose.
void attend_masked(const Call& call, const Chunks& chunks, const ChoiceBits& bits, const AttentionSpace& space,
                   const sm80::ForwardArgs& args) {
  check(space.choices->fill(chunks, bits, stream_of(call)), "lists of chunks");
  const RowMask policy = space.choices->policy(chunks, bits, space.form());
  with_kernel(call.problem(), "forward", [&](auto dim, auto element) {
    return masked_forward<decltype(dim)::value, decltype(element)>(args, policy, stream_of(call));
  });
}

/// Chunks meet the queries that chose them, then the parts of each query are combined.
void attend_gathered(const Call& call, const Chunks& chunks, const AttentionSpace& space, const sm80::ForwardArgs& args) {
  const fvattn_problem& p = call.problem();
  const cudaStream_t stream = stream_of(call);
  sm80::ForwardArgs parts = args;
  parts.o = {space.partials, 0, int64_t{p.heads} * p.head_dim, p.head_dim};
  parts.lse = {space.partial_lse, 0, space.gathered->partial_rows()};
  for (int pass = 0; pass < space.gathered->room().passes; ++pass) {
    const Gather policy = space.gathered->policy(chunks, pass);
    with_kernel(p, "forward", [&](auto dim, auto element) {
      const cudaError_t error = gathered_forward<decltype(dim)::value, decltype(element)>(parts, policy, stream);
      if (error != cudaSuccess) return error;
      return combine_outputs<decltype(element)>(space.parts(p, pass), space.running(pass), args.o, args.lse.data, stream);
    });
  }
}

}  // namespace

void forward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Config& config = config_of(call);
  const Limits limits = limits_of(p, config);
  const Sm80Forward inputs(call);
  if (config.dense(call.step(), p.layer_index)) {
    attend_all(call, limits, inputs.args);
    inputs.finish();
    return;
  }
  Workspace workspace = call.workspace();
  const ChunkTables tables(p, limits, workspace);
  const Selection selection(p, config, limits, workspace);
  auto* const own_bits = workspace.take<std::uint32_t>(bit_words(p, limits));
  const AttentionSpace space(p, limits, gather_form(call, limits), forward_tiles(p.head_dim), false, workspace);
  const fvattn_tensor* saved = call.find_saved("chunks");

  const Range range("vmoba");
  const Chunks chunks = make_chunks(p, config, limits, device_sequences(call), tables, stream_of(call));
  for (int64_t b = 0; b < p.batch; ++b) {
    const ChoiceBits bits =
        bits_of(p, limits, saved != nullptr ? data<std::uint32_t>(*saved) + b * bit_words(p, limits) : own_bits);
    selection.run(call, chunks, b, bits);
    const sm80::ForwardArgs args = entry_of(inputs.args, b);
    if (space.gathered) check(space.gathered->fill(bits, stream_of(call)), "lists of queries");
    if (space.choices) attend_masked(call, chunks, bits, space, args);
    if (space.gathered) attend_gathered(call, chunks, space, args);
  }
  inputs.finish();
}

}  // namespace vmoba::gpu
