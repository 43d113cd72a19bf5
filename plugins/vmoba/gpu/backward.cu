#include "schedule.cuh"

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

void differentiate_masked(const Call& call, const Chunks& chunks, const ChoiceBits& bits, const AttentionSpace& space,
                          const sm80::BackwardArgs& args) {
  check(space.choices->fill(chunks, bits, stream_of(call)), "lists of chunks");
  const RowMask policy = space.choices->policy(chunks, bits, space.form());
  with_kernel(call.problem(), "backward", [&](auto dim, auto element) {
    return masked_backward<decltype(dim)::value, decltype(element)>(args, policy, stream_of(call));
  });
}

/// d_k and d_v are whole, since their chunk stays; the parts of d_q are summed. The pass that has d_k and d_v comes last:
/// the others leave 0 there.
void differentiate_gathered(const Call& call, const Chunks& chunks, const AttentionSpace& space,
                            const sm80::BackwardArgs& args) {
  const fvattn_problem& p = call.problem();
  const cudaStream_t stream = stream_of(call);
  sm80::BackwardArgs parts = args;
  parts.d_q = {space.partials, 0, int64_t{p.heads} * p.head_dim, p.head_dim};
  const int passes = space.gathered->room().passes;
  for (int pass = passes - 1; pass >= 0; --pass) {
    const Gather policy = space.gathered->policy(chunks, pass);
    with_kernel(p, "backward", [&](auto dim, auto element) {
      const cudaError_t error = gathered_backward<decltype(dim)::value, decltype(element)>(parts, policy, stream);
      if (error != cudaSuccess) return error;
      return sum_gradients<decltype(element)>(space.parts(p, pass), space.running(passes - 1 - pass), args.d_q, stream);
    });
  }
}

/// The same on the sm90 engine, in one pass: d_q is summed by row.
void differentiate_on_sm90(const Call& call, const Chunks& chunks, const AttentionSpace& space,
                           const sm80::BackwardArgs& args) {
  sm80::BackwardArgs entry = args;
  entry.workspace = space.sm90_engine;
  entry.deterministic = false;
  const Sm90Gradients policy = space.gathered->sm90_gradients(chunks);
  with_kernel(call.problem(), "backward", [&](auto dim, auto element) {
    if constexpr (decltype(dim)::value <= kLargestSm90Dim)
      return sm90_gathered_backward<decltype(dim)::value, decltype(element)>(entry, policy, stream_of(call));
    else return cudaErrorInvalidValue;
  });
}

}  // namespace

void backward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Config& config = config_of(call);
  const Limits limits = limits_of(p, config);
  Workspace workspace = call.workspace();
  Sm80Backward inputs(call);
  inputs.args.deterministic = true;
  if (config.dense(call.step(), p.layer_index)) {
    inputs.args.workspace = take_dense_backward(p, workspace);
    const Dense dense = dense_of(call, limits);
    with_kernel(p, "dense backward", [&](auto dim, auto element) {
      return dense_backward<decltype(dim)::value, decltype(element)>(inputs.args, dense, stream_of(call));
    });
    return;
  }
  const ChunkTables tables(p, limits, workspace);
  const bool on_sm90 = gradients_on_sm90(p, Gpu::current().is_hopper());
  const AttentionSpace space(p, limits, gather_form(call, limits), backward_tiles(p.head_dim, on_sm90),
                             on_sm90 ? Use::sm90_backward : Use::sm80_backward, workspace);
  inputs.args.workspace = space.engine;
  auto* const saved = data<std::uint32_t>(call.saved("chunks"));

  const Range range(space.sm90_engine != nullptr ? "vmoba sm90 backward" : "vmoba backward");
  const Chunks chunks = make_chunks(p, config, limits, device_sequences(call), tables, stream_of(call));
  for (int64_t b = 0; b < p.batch; ++b) {
    const ChoiceBits bits = bits_of(p, limits, saved + b * bit_words(p, limits));
    const sm80::BackwardArgs args = entry_of(inputs.args, b);
    if (space.gathered) check(space.gathered->fill(bits, stream_of(call)), "lists of queries");
    if (space.choices) differentiate_masked(call, chunks, bits, space, args);
    if (!space.gathered) continue;
    if (on_sm90) differentiate_on_sm90(call, chunks, space, args);
    else differentiate_gathered(call, chunks, space, args);
  }
}

}  // namespace vmoba::gpu
