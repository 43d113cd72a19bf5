#include "schedule.cuh"

#include <fvattn/plugin/gpu/sm90_arguments.cuh>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

void attend_all(const Call& call, const Limits& limits, const sm80::ForwardArgs& args) {
  const Dense dense = dense_of(call, limits);
  const bool on_sm90 = dense_on_sm90(call);
  with_kernel(call.problem(), "dense forward", [&](auto dim, auto element) {
    if constexpr (decltype(dim)::value <= kLargestSm90Dim) {
      const fvattn_problem& p = call.problem();
      if (on_sm90)
        return sm90_dense_forward<decltype(dim)::value, decltype(element)>(sm90_args(args, p, Gpu::current()),
                                                                           stream_of(call));
    }
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

/// The gathered form: chunks meet the queries that chose them, then the parts of each query are combined.
class Gathered {
 public:
  Gathered(const Call& call, const Chunks& chunks, const AttentionSpace& space, std::optional<Sm90Tiles> tiles)
      : problem_(call.problem()), stream_(stream_of(call)), chunks_(chunks), space_(space), tiles_(tiles) {}

  void attend(const sm80::ForwardArgs& args) const {
    sm80::ForwardArgs parts = args;
    parts.o = {space_.partials, 0, int64_t{problem_.heads} * problem_.head_dim, problem_.head_dim};
    parts.lse = {space_.partial_lse, 0, space_.gathered->partial_rows()};
    for (int pass = 0; pass < space_.gathered->room().passes; ++pass) {
      with_kernel(problem_, "forward", [&](auto dim, auto element) {
        using Element = decltype(element);
        const cudaError_t error = attend_parts<decltype(dim)::value, Element>(parts, pass);
        if (error != cudaSuccess) return error;
        return combine_outputs<Element>(space_.parts(problem_, pass), space_.running(pass), args.o, args.lse.data, stream_);
      });
    }
  }

 private:
  template <int kDim, class Element>
  cudaError_t attend_parts(const sm80::ForwardArgs& parts, int pass) const {
    const GatherLists& lists = *space_.gathered;
    if constexpr (kDim <= kLargestSm90Dim) {
      static_assert(Sm90Forward<kDim, 128>::kTileQ == WideForward<kDim>::kTileQ, "one list serves both engines");
      if (tiles_) {
        sm90::ForwardArgs args = sm90_args(parts, problem_, gpu_);
        args.q_tokens = lists.partial_rows();
        return sm90_gathered_forward<kDim, Element>(args, lists.sm90_policy(tiles_->copies, pass), tiles_->tile_kv, stream_);
      }
    }
    return gathered_forward<kDim, Element>(parts, lists.policy(chunks_, pass), stream_);
  }

  const fvattn_problem& problem_;
  cudaStream_t stream_;
  const Chunks& chunks_;
  const AttentionSpace& space_;
  std::optional<Sm90Tiles> tiles_;
  Gpu gpu_ = Gpu::current();
};

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
  const Selection selection(p, config, limits, call.plan_state<PlanState>().filters, workspace);
  auto* const own_bits = workspace.take<std::uint32_t>(bit_words(p, limits));
  const AttentionSpace space(p, limits, gather_form(call, limits), forward_tiles(p.head_dim), Use::forward, workspace);
  const fvattn_tensor* saved = call.find_saved("chunks");

  const std::optional<Sm90Tiles> tiles = gathered_tiles(call, limits);
  const Range range(!space.gathered ? "vmoba sm80 masked" : tiles ? "vmoba sm90 gathered" : "vmoba sm80 gathered");
  const Chunks chunks = make_chunks(p, config, limits, device_sequences(call), tables, stream_of(call));
  for (int64_t b = 0; b < p.batch; ++b) {
    const ChoiceBits bits =
        bits_of(p, limits, saved != nullptr ? data<std::uint32_t>(*saved) + b * bit_words(p, limits) : own_bits);
    selection.run(call, chunks, b, bits);
    const sm80::ForwardArgs args = entry_of(inputs.args, b);
    if (space.gathered) check(space.gathered->fill(bits, stream_of(call)), "lists of queries");
    if (space.choices) attend_masked(call, chunks, bits, space, args);
    if (space.gathered) Gathered(call, chunks, space, tiles).attend(args);
  }
  inputs.finish();
}

}  // namespace vmoba::gpu
