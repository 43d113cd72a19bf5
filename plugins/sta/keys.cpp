// The keys of SLIDING_TILE_ATTN.
#include "backend.hpp"

namespace sta {

using namespace fvattn::plugin;

Schema SlidingTileAttention::meta_keys() {
  const uint32_t windows = kTakesI64s | kTakesTensor;
  return Schema()
      .optional("dit_seq_shape", kTakesI64s, "token grid [T, H, W]; required unless raw_latent_shape is given")
      .optional("patch_resolution", kTakesI64s, "another name for dit_seq_shape")
      .optional("raw_latent_shape", kTakesI64s, "latent [T, H, W]; the token grid is this // patch_size")
      .key("patch_size", {1, 2, 2}, "latent cells [t, h, w] of one token")
      .key("tile_size", {6, 8, 8}, "tokens [t, h, w] of one tile; edge tiles are clipped")
      .optional("window_size", windows, "[t, h, w] in tiles, or one for each head")
      .optional("STA_param", kTakesStr | kTakesTensor,
                "a file with a \"t_l_h\" strategy, or windows [step][layer][head][3], -1 where one is missing; by default "
                "the file FASTVIDEO_ATTENTION_CONFIG")
      .key("STA_mode", "STA_inference", "STA_inference, STA_searching, or None (every window full)")
      .optional("mask_candidates", windows, "STA_searching: the windows to compare with full attention")
      .key("STA_rescale_steps", false, "step i uses row i * rows // total_steps of the strategy")
      .key("layout", "raster", "raster, or tiled: tensors come and go in tile order")
      .key("dense_steps", {}, "steps with full attention")
      .key("dense_layers", {}, "layers with full attention")
      .optional("current_timestep", kTakesI64, "the index of the denoising step", FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP);
}

Schema SlidingTileAttention::option_keys() {
  return Schema().optional("FASTVIDEO_ATTENTION_CONFIG", kTakesStr, "strategy file where the metadata gives no windows");
}

}  // namespace sta
