// What FLASH_ATTN takes and refuses.
#include "backend.hpp"

#include "gpu/dispatch.hpp"
#include "schedule.hpp"

#include <limits>

namespace flash {

using namespace fvattn::plugin;

namespace {

constexpr int kMostHeadDim = 256;

/// Key padding: one row of keys for each batch entry, or one for all.
bool is_key_padding(const fvattn_spec& mask, const fvattn_problem& p) {
  const int64_t* dim = mask.dim;
  const auto batch = [&](int64_t n) { return n == p.batch || n == 1; };
  switch (mask.ndim) {
    case 1: return dim[0] == p.kv_len;
    case 2: return batch(dim[0]) && dim[1] == p.kv_len;
    case 4: return batch(dim[0]) && dim[1] == 1 && dim[2] == 1 && dim[3] == p.kv_len;
    default: return false;
  }
}

std::string shape_of(const fvattn_spec& spec) {
  std::string text = "[";
  for (int32_t i = 0; i < spec.ndim; ++i) text += (i ? ", " : "") + std::to_string(spec.dim[i]);
  return text + "]";
}

void query_cpu(const fvattn_problem& p, Support& support) {
  const Dtype type = dtype(p);
  support.require(type == kF64 || type == kF32 || type == kBF16 || type == kF16, FVATTN_R_DTYPE,
                  "dtype %s, float64, float32, bfloat16 and float16 are accepted", to_string(type).c_str());
  // Measured against TORCH_SDPA in one run (README.md): it has matrix units for bfloat16, the cpu engine has not.
  support.score(type == kBF16 ? 0.4 : type == kF64 ? 0.7 : 0.9);
}

}  // namespace

TensorSchema FlashAttention::tensor_keys() {
  return TensorSchema().key("mask", -1, FVATTN_DT_BOOL | FVATTN_DT_U8 | FVATTN_DT_I32 | FVATTN_DT_I64,
                            FVATTN_SHARD_REPLICATED, "key padding: [Sk], [B, Sk] or [B, 1, 1, Sk], non-zero = attend");
}

void FlashAttention::query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  if (device.type == FVATTN_CPU)
    query_cpu(p, support);
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
  support.require(p.dropout_p == 0, FVATTN_R_DROPOUT, "dropout_p %g, only 0 is accepted; TORCH_SDPA has dropout",
                  p.dropout_p);
  constexpr int64_t kMostRows = std::numeric_limits<int>::max() - kMostHeadDim;  // a tile's last slot is still an int
  support.require(p.q_len <= kMostRows && p.kv_len <= kMostRows && p.batch <= kMostRows, FVATTN_R_SHAPE,
                  "more than %lld tokens or batch entries", static_cast<long long>(kMostRows));
  support.require(!is_varlen(p) || p.batch == 1, FVATTN_R_VARLEN,
                  "cu_seqlens with batch %lld, packed sequences have batch 1", static_cast<long long>(p.batch));
  if (const fvattn_spec* mask = find_extra(p, "mask")) {
    support.require(
        is_key_padding(*mask, p), FVATTN_R_MASK,
        "a mask of shape %s; key padding is accepted: [%lld], [%lld, %lld] or [%lld, 1, 1, %lld]; TORCH_SDPA takes others",
        shape_of(*mask).c_str(), static_cast<long long>(p.kv_len), static_cast<long long>(p.batch),
        static_cast<long long>(p.kv_len), static_cast<long long>(p.batch), static_cast<long long>(p.kv_len));
    support.require(!is_varlen(p), FVATTN_R_MASK, "a mask and cu_seqlens came; one of them is accepted");
  }
}

}  // namespace flash
