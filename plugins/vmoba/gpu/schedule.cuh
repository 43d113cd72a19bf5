// How a call on a GPU runs, and what its workspace holds. plan and the calls take the same things in the same order.
#pragma once

#include "chunk_table.cuh"
#include "combine.cuh"
#include "dispatch.hpp"
#include "instances.hpp"
#include "kernels.cuh"
#include "selection.cuh"
#include "sm90_config.hpp"

#include <fvattn/plugin/gpu/sm80_calls.cuh>

#include <optional>

namespace vmoba::gpu {

using fvattn::plugin::Call;
using fvattn::plugin::Workspace;

/// The metadata of a call; INVALID_ARGUMENT when it has none.
const Config& config_of(const Call& call);
/// cu_seqlens_q of a call with packed sequences, in device memory; null without.
const int* device_sequences(const Call& call);
Dense dense_of(const Call& call, const Limits& limits);

/// For how many chunks a query, on average, there is room to gather queries; 0: never.
struct GatherForm {
  int chunks = 0;
  bool exact = false;  // no query has more; else the heads that have are served by row masks
};
/// Where each query has few of many chunks.
GatherForm gather_form(const Rule& rule, const Limits& limits);
/// The same for a call, whose topk may have changed: what the plan made room for, or else none.
GatherForm gather_form(const Call& call, const Limits& limits);

/// Whether the sm90 engine serves a dense step of this call.
bool dense_on_sm90(const Call& call);
/// How the sm90 engine cuts the keys of gathered queries; nothing where the sm80 engine serves them, on this device or in
/// this call.
std::optional<Sm90Tiles> gathered_tiles(const Call& call, const Limits& limits);

/// Whether the sm90 engine computes gradients of gathered queries: not where they must repeat bitwise.
bool gradients_on_sm90(const fvattn_problem& p, bool hopper);

/// Query tiles of the two forms of attention, by direction.
struct Tiles {
  int masked, gathered;
};
Tiles forward_tiles(int head_dim);
Tiles backward_tiles(int head_dim, bool on_sm90);

/// What space is for: results, or gradients, those of gathered queries by one engine or the other.
enum class Use { forward, sm80_backward, sm90_backward };

/// The lists of one batch entry and what its kernels write beside the results: partial results, or partial d_q.
struct AttentionSpace {
  AttentionSpace(const fvattn_problem& p, const Limits& limits, GatherForm form, Tiles tiles, Use use,
                 Workspace& workspace);

  /// form: of the gathered lists, null where there are none.
  const int* form() const { return gathered ? gathered->form() : nullptr; }
  /// The parts of a pass; `number` counts the passes in the order in which they run.
  Partials parts(const fvattn_problem& p, int pass) const;
  Running running(int number) const;

  std::optional<TileChoices> choices;
  std::optional<GatherLists> gathered;
  std::uint16_t* partials = nullptr;     // [partial rows, heads, dim]; none for gradients on sm90
  float* partial_lse = nullptr;          // [heads, partial rows]; none for gradients
  float* running_values = nullptr;       // [tokens, heads, dim]; with more passes than one, as the next
  float* running_lse[2] = {};            // [heads, tokens]
  void* engine = nullptr;                // the sm80 engine's, for gradients
  void* sm90_engine = nullptr;           // Sm90BackwardSpace
};

/// The engine's workspace for the gradients of all batch entries at once.
void* take_dense_backward(const fvattn_problem& p, Workspace& workspace);

/// body(std::integral_constant<int, head dim of the kernel>, element), which returns a cudaError_t; `what` names it in an
/// error.
template <class Body>
void with_kernel(const fvattn_problem& p, const char* what, Body&& body) {
  cudaError_t error = cudaErrorInvalidValue;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    fvattn::plugin::gpu::with_element(p, [&](auto element) { error = body(dim, element); });
  });
  fvattn::plugin::check(error, what);
}

inline ChoiceBits bits_of(const fvattn_problem& p, const Limits& limits, std::uint32_t* data) {
  return {data, p.heads, static_cast<int>(p.q_len), limits.words()};
}
/// Words of the bits of one batch entry.
inline int64_t bit_words(const fvattn_problem& p, const Limits& limits) {
  return int64_t{p.heads} * p.q_len * limits.words();
}

/// The arguments for one batch entry alone.
sm80::ForwardArgs entry_of(sm80::ForwardArgs args, int64_t batch);
sm80::BackwardArgs entry_of(sm80::BackwardArgs args, int64_t batch);

}  // namespace vmoba::gpu
