// What VMOBA_ATTN takes and refuses. Metadata is often not there yet when a backend is selected: what depends on it is
// checked by plan, and here only where it came along.
#include "backend.hpp"

#include "chunks/limits.hpp"
#include "gpu/dispatch.hpp"

#include <limits>

namespace vmoba {

using namespace fvattn::plugin;

namespace {

constexpr int kMostHeadDim = 256;

void query_cpu(const fvattn_problem& p, Support& support) {
  const Dtype type = dtype(p);
  support.require(type == kF64 || type == kF32 || type == kBF16 || type == kF16, FVATTN_R_DTYPE,
                  "dtype %s, float64, float32, bfloat16 and float16 are accepted", to_string(type).c_str());
  support.score(0.7);
}

/// Selections that compare heads need all of them.
void query_ranks(const fvattn_problem& p, Support& support) {
  const fvattn_kv* type = KeyValues(p.meta).find("moba_threshold_type");
  if (p.sp_world <= 1 || !type || type->kind != FVATTN_STR) return;
  const std::string_view name(type->v.str, type->count);
  support.require(name != "overall" && name != "block", FVATTN_R_SP_LAYOUT,
                  "moba_threshold_type %.*s compares heads, which lie on %d ranks; query_head and head_global are accepted",
                  static_cast<int>(name.size()), name.data(), p.sp_world);
}

}  // namespace

void VideoMoba::query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  if (device.type == FVATTN_CPU)
    query_cpu(p, support);
  else if (device.type == FVATTN_CUDA)
    gpu::query(device, p, support);
  else
    support.refuse(FVATTN_R_ARCH, "device type %d, the CPU is accepted", device.type);

  for (const auto& [dim, what] : {std::pair(p.head_dim, "head_dim"), std::pair(p.v_head_dim, "v_head_dim")})
    support.require(dim >= 1 && dim <= kMostHeadDim, FVATTN_R_HEAD_DIM, "%s %d, 1 to %d are accepted", what, dim,
                    kMostHeadDim);
  support.require(p.kv_heads > 0 && p.heads % p.kv_heads == 0, FVATTN_R_GQA,
                  "%d query heads and %d kv heads, a multiple is needed", p.heads, p.kv_heads);
  support.require(!(p.flags & FVATTN_PROBLEM_CAUSAL), FVATTN_R_CAUSAL,
                  "causal attention; chunks are selected from the whole video, FLASH_ATTN and TORCH_SDPA have causal");
  support.require(p.text_len == 0, FVATTN_R_TEXT,
                  "%lld text tokens; chunks are of video tokens only, FLASH_ATTN and TORCH_SDPA take text",
                  static_cast<long long>(p.text_len));
  support.require(p.dropout_p == 0, FVATTN_R_DROPOUT, "dropout_p %g, only 0 is accepted; TORCH_SDPA has dropout",
                  p.dropout_p);
  support.require(p.q_len == p.kv_len, FVATTN_R_SHAPE, "%lld queries and %lld keys; self-attention is accepted",
                  static_cast<long long>(p.q_len), static_cast<long long>(p.kv_len));
  constexpr int64_t kMostRows = std::numeric_limits<int>::max() - kMostHeadDim;  // a tile's last slot is still an int
  support.require(p.q_len <= kMostRows && p.batch <= kMostRows, FVATTN_R_SHAPE, "more than %lld tokens or batch entries",
                  static_cast<long long>(kMostRows));
  support.require(!is_varlen(p) || p.batch == 1, FVATTN_R_VARLEN,
                  "cu_seqlens with batch %lld, packed sequences have batch 1", static_cast<long long>(p.batch));
  query_ranks(p, support);
}

}  // namespace vmoba
