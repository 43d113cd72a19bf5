#include "schedule.cuh"

#include <fvattn/engine/sm80/backward.cuh>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

const Config& config_of(const Call& call) {
  const auto* config = call.meta<Config>();
  if (!config)
    fail(FVATTN_INVALID_ARGUMENT, "the call has no metadata; build it for VMOBA_ATTN and put it into the context");
  return *config;
}

const int* device_sequences(const Call& call) {
  if (!is_varlen(call.problem())) return nullptr;
  for (const char* name : {"cu_seqlens_q", "cu_seqlens_k"}) {
    const fvattn_tensor& t = call.in(name);
    if (t.device_type != FVATTN_CUDA)
      fail(FVATTN_INVALID_ARGUMENT, "%s is in host memory; on a GPU it must be on the device of q", name);
    if (t.ndim != 1 || numel(t) < 2 || t.strides[0] != 1)
      fail(FVATTN_INVALID_ARGUMENT, "%s has %lld values, a contiguous list with one more than there are sequences is needed",
           name, static_cast<long long>(numel(t)));
  }
  if (numel(call.in("cu_seqlens_q")) != numel(call.in("cu_seqlens_k")))
    fail(FVATTN_INVALID_ARGUMENT,
         "cu_seqlens_q and cu_seqlens_k name different numbers of sequences; both must be the same");
  return data<const int>(call.in("cu_seqlens_q"));
}

Dense dense_of(const Call& call, const Limits& limits) {
  return {static_cast<int>(call.problem().q_len), device_sequences(call), static_cast<int>(limits.sequences)};
}

GatherForm gather_form(const Rule& rule, const Limits& limits) {
  constexpr int64_t kMost = 128;
  // From half of all chunks on, a sweep over what neighbours chose costs no more than partial results.
  if (rule.mode == SelectMode::topk && rule.domain == Domain::query_head)
    return {2 * rule.topk <= limits.of_sequence ? static_cast<int>(rule.topk) : 0, true};
  return {static_cast<int>(std::min(kMost, limits.of_sequence / 3)), false};
}

GatherForm gather_form(const Call& call, const Limits& limits) {
  const Rule rule = config_of(call).rule_of(call.problem().layer_index);
  const GatherForm form = gather_form(rule, limits);
  const bool all = rule.mode == SelectMode::threshold && rule.threshold >= 1;
  return all || form.chunks > call.plan_state<PlanState>().gathered_chunks ? GatherForm{} : form;
}

bool dense_on_sm90(const Call& call) { return Gpu::current().is_hopper() && serves_sm90(call.problem()); }

std::optional<Sm90Tiles> gathered_tiles(const Call& call, const Limits& limits) {
  if (!Gpu::current().is_hopper()) return std::nullopt;
  return sm90_tiles(call.problem(), config_of(call), limits);
}

Tiles forward_tiles(int head_dim) {
  Tiles tiles{};
  HeadDims::visit(head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    tiles = {MaskedForward<kDim>::kTileQ, WideForward<kDim>::kTileQ};
  });
  return tiles;
}

bool gradients_on_sm90(const fvattn_problem& p, bool hopper) {
  return hopper && p.head_dim <= kLargestSm90Dim && (p.flags & FVATTN_PROBLEM_NEED_DETERMINISM) == 0;
}

Tiles backward_tiles(int head_dim, bool on_sm90) {
  Tiles tiles{};
  HeadDims::visit(head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    using Config = Backward<kDim>;
    static_assert(Config::Kv::kTileQ == Config::Q::kTileQ);
    tiles = {Config::Q::kTileQ, Config::Q::kTileQ};
    if constexpr (kDim <= kLargestSm90Dim)
      if (on_sm90) tiles.gathered = Sm90Backward<kDim>::kTileQ;
  });
  return tiles;
}

namespace {

/// The engine's workspace for so many batch entries. Deterministic: no sums of d_q, so that every policy needs the same.
void* take_backward(const fvattn_problem& p, int64_t batch, Workspace& workspace) {
  sm80::BackwardArgs sizes = backward_sizes(p);
  sizes.batch = sizes.stored_batch = static_cast<int>(batch);
  sizes.deterministic = true;
  const engine::LinearMap rows{sizes.q_rows};
  const engine::DensePolicy<false> any{rows, rows};
  return workspace.take<char>(static_cast<int64_t>(sm80::backward_workspace_bytes<Backward<64>>(sizes, any)));
}

int64_t sm90_backward_bytes(const fvattn_problem& p) {
  int64_t bytes = 0;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    bytes = Sm90BackwardSpace::of(static_cast<int>(p.q_len), p.heads, decltype(dim)::value).total();
  });
  return bytes;
}

}  // namespace

void* take_dense_backward(const fvattn_problem& p, Workspace& workspace) { return take_backward(p, p.batch, workspace); }

AttentionSpace::AttentionSpace(const fvattn_problem& p, const Limits& limits, GatherForm form, Tiles tiles, Use use,
                               Workspace& workspace) {
  const bool gradients = use != Use::forward;
  const int tokens = static_cast<int>(p.q_len), chunks = static_cast<int>(limits.chunks),
            longest = static_cast<int>(std::min(limits.chunk_tokens, limits.longest)),
            of_sequence = static_cast<int>(limits.of_sequence);
  if (gradients) engine = take_backward(p, 1, workspace);
  if (form.chunks == 0 || !form.exact)
    choices.emplace(p.heads, chunks, longest, of_sequence, limits.words(), tiles.masked, gradients, workspace);
  if (form.chunks == 0) return;
  const GatherRoom room =
      GatherRoom::of(form.chunks, tokens, chunks, form.exact ? form.chunks : of_sequence, tiles.gathered);
  gathered.emplace(room, p.heads, p.kv_heads, tokens, chunks, !form.exact, workspace);
  if (use == Use::sm90_backward) {
    sm90_engine = workspace.take<char>(sm90_backward_bytes(p));
    return;
  }
  const int64_t rows = int64_t{gathered->partial_rows()} * p.heads;
  partials = workspace.take<std::uint16_t>(rows * p.head_dim);
  if (!gradients) partial_lse = workspace.take<float>(rows);
  if (room.passes == 1) return;
  running_values = workspace.take<float>(p.q_len * p.heads * p.head_dim);
  if (gradients) return;
  for (float*& lse : running_lse) lse = workspace.take<float>(p.q_len * p.heads);
}

Partials AttentionSpace::parts(const fvattn_problem& p, int pass) const {
  const int rows = gathered->partial_rows();
  return {partials, partial_lse, gathered->slots(),          gathered->form(), rows,
          pass * rows, gathered->room().width, p.heads, p.head_dim, static_cast<int>(p.q_len)};
}

Running AttentionSpace::running(int number) const {
  return {running_values, running_lse[number % 2], running_lse[1 - number % 2], number == 0,
          number == gathered->room().passes - 1};
}

namespace {

template <class Pointer>
void move_to(sm80::StridedTensor<Pointer>& t, int64_t batch) {
  using Byte = std::conditional_t<std::is_same_v<Pointer, void*>, char, const char>;
  t.data = static_cast<Byte*>(t.data) + batch * t.batch_stride * 2;
}
template <class Pointer>
void move_to(sm80::RowValues<Pointer>& values, int64_t batch) {
  if (values.data != nullptr) values.data += batch * values.batch_stride;
}

}  // namespace

sm80::ForwardArgs entry_of(sm80::ForwardArgs args, int64_t batch) {
  move_to(args.q, batch), move_to(args.k, batch), move_to(args.v, batch), move_to(args.o, batch), move_to(args.lse, batch);
  args.batch = 1;
  return args;
}

sm80::BackwardArgs entry_of(sm80::BackwardArgs args, int64_t batch) {
  for (sm80::ConstTensor* t : {&args.q, &args.k, &args.v, &args.o, &args.d_o}) move_to(*t, batch);
  for (sm80::MutableTensor* t : {&args.d_q, &args.d_k, &args.d_v}) move_to(*t, batch);
  move_to(args.lse, batch);
  args.batch = args.stored_batch = 1;
  return args;
}

}  // namespace vmoba::gpu
