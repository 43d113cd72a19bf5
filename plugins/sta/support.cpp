// What SLIDING_TILE_ATTN takes and refuses. Selection asks before there is metadata: what depends on the token grid is
// checked when the metadata is built and when the call is planned.
#include "backend.hpp"

#include "gpu/dispatch.hpp"

#include <limits>

namespace sta {

using namespace fvattn::plugin;

namespace {
constexpr int kMostHeadDim = 256;
constexpr int64_t kMostRows = std::numeric_limits<int>::max() / 4;
}  // namespace

void SlidingTileAttention::query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  const Dtype type = dtype(p);
  if (device.type == FVATTN_CPU)
    support.require(type == kF64 || type == kF32 || type == kBF16 || type == kF16, FVATTN_R_DTYPE,
                    "dtype %s, float64, float32, bfloat16 and float16 are accepted", to_string(type).c_str());
  else if (device.type == FVATTN_CUDA)
    gpu::query(device, p, support);
  else
    support.refuse(FVATTN_R_ARCH, "device type %d, the CPU and CUDA are accepted", device.type);

  support.require(p.head_dim >= 1 && p.head_dim <= kMostHeadDim, FVATTN_R_HEAD_DIM, "head_dim %d, 1 to %d are accepted",
                  p.head_dim, kMostHeadDim);
  support.require(p.v_head_dim >= 1 && p.v_head_dim <= kMostHeadDim, FVATTN_R_HEAD_DIM,
                  "v_head_dim %d, 1 to %d are accepted", p.v_head_dim, kMostHeadDim);
  support.require(p.kv_heads > 0 && p.heads % p.kv_heads == 0, FVATTN_R_GQA,
                  "%d query heads and %d kv heads, a multiple is needed", p.heads, p.kv_heads);
  support.require(!(p.flags & FVATTN_PROBLEM_CAUSAL), FVATTN_R_CAUSAL,
                  "causal attention; windows of tiles are not causal, FLASH_ATTN and TORCH_SDPA are");
  support.require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN,
                  "cu_seqlens; every batch entry has the grid of the metadata, FLASH_ATTN takes packed sequences");
  support.require(p.dropout_p == 0, FVATTN_R_DROPOUT, "dropout_p %g, only 0 is accepted; TORCH_SDPA has dropout",
                  p.dropout_p);
  support.require(p.q_len == p.kv_len, FVATTN_R_SHAPE,
                  "%lld queries and %lld keys; windows are of one grid, so both must be the same tokens",
                  static_cast<long long>(p.q_len), static_cast<long long>(p.kv_len));
  support.require(p.q_len <= kMostRows && p.batch <= kMostRows, FVATTN_R_SHAPE, "more than %lld tokens or batch entries",
                  static_cast<long long>(kMostRows));
  support.require(p.text_len >= 0 && (p.text_len < p.q_len || p.q_len == 0), FVATTN_R_TEXT,
                  "text_length %lld of %lld rows; at least one row of video is needed", static_cast<long long>(p.text_len),
                  static_cast<long long>(p.q_len));
  support.score(0.8);
}

}  // namespace sta
