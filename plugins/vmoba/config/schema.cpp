// The metadata keys of VMOBA_ATTN: those of the reference's builder, and ours.
#include "../backend.hpp"

namespace vmoba {

using namespace fvattn::plugin;

Schema VideoMoba::meta_keys() {
  constexpr uint32_t kSemantic = FVATTN_KEY_SEMANTIC, kEachStep = FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP;
  constexpr uint32_t kSize = kTakesI64 | kTakesF64 | kTakesI64s;
  return Schema()
      .required("temporal_chunk_size", kSize, "chunk of 1-D layers: frames, fractions too")
      .required("temporal_topk", kTakesI64, "chunks of a query in 1-D layers, its own included", kEachStep)
      .required("spatial_chunk_size", kSize, "chunk of 2-D layers: tokens [h, w], over all frames")
      .required("spatial_topk", kTakesI64, "chunks of a query in 2-D layers, its own included", kEachStep)
      .required("st_chunk_size", kSize, "chunk of 3-D layers: tokens [t, h, w]")
      .required("st_topk", kTakesI64, "chunks of a query in 3-D layers, its own included", kEachStep)
      .key("moba_select_mode", "threshold", "threshold or topk")
      .key("moba_threshold", 0.25, "share of the normalised gates that the chunks of a query reach", kEachStep)
      .key("moba_threshold_type", "query_head", "what competes: query_head, head_global, overall, or block (threshold only)")
      .key("temporal_layer", 1, "1-D layers in a turn")
      .key("spatial_layer", 1, "2-D layers in a turn")
      .key("st_layer", 1, "3-D layers in a turn")
      .key("first_full_layer", 0, "the layer that the first turn starts at; with full_warmup, layers below it are dense")
      .key("first_full_step", 12, "with full_warmup, steps below it are dense; no effect without, as in the reference")
      .key("full_warmup", false, "dense attention before first_full_step and first_full_layer")
      .key("dense_steps", std::initializer_list<int64_t>{}, "steps that run dense")
      .key("dense_layers", std::initializer_list<int64_t>{}, "layers that run dense")
      .optional("dit_seq_shape", kTakesI64s, "token grid [T, H, W]; or raw_latent_shape", kSemantic)
      .optional("patch_resolution", kTakesI64s, "the same as dit_seq_shape", kSemantic)
      .optional("raw_latent_shape", kTakesI64s, "latent [T, H, W]; divided by patch_size it is the token grid", kSemantic)
      .key("patch_size", {1, 2, 2}, "latent values [t, h, w] of a token", kSemantic)
      .optional("current_timestep", kTakesI64, "the step that the metadata is for", FVATTN_KEY_PER_STEP);
}

Config VideoMoba::meta_build(const fvattn_device&, const KeyValues& values, void*) { return Config::read(values); }

}  // namespace vmoba
