// What VIDEO_SPARSE_ATTN takes and refuses.
#include "backend.hpp"

#include "gpu/dispatch.hpp"
#include "schedule.hpp"

namespace vsa {

using namespace fvattn::plugin;

namespace {

constexpr int kMostHeadDim = 256;

std::string shape_of(const fvattn_spec& spec) {
  std::string text(1, '[');
  for (int32_t i = 0; i < spec.ndim; ++i) text.append(i ? ", " : "").append(std::to_string(spec.dim[i]));
  return text + "]";
}

void query_cpu(const fvattn_problem& p, Support& support) {
  const Dtype type = dtype(p);
  support.require(type == kF64 || type == kF32 || type == kBF16 || type == kF16, FVATTN_R_DTYPE,
                  "dtype %s, float64, float32, bfloat16 and float16 are accepted", to_string(type).c_str());
  support.score(0.5);
}

void query_extras(const fvattn_problem& p, Support& support) {
  const auto is = [](const fvattn_spec& spec, std::initializer_list<int64_t> shape) {
    return spec.ndim == static_cast<int32_t>(shape.size()) && std::equal(shape.begin(), shape.end(), spec.dim);
  };
  const fvattn_spec *gate = find_extra(p, "gate_compress"), *index = find_extra(p, "block_index"),
                    *count = find_extra(p, "block_count");
  if (gate) {
    support.require(is(*gate, {p.batch, p.q_len, p.heads, p.v_head_dim}), FVATTN_R_EXTRA_INPUT,
                    "gate_compress has the shape %s, [%lld, %lld, %d, %d] is needed: that of the output",
                    shape_of(*gate).c_str(), static_cast<long long>(p.batch), static_cast<long long>(p.q_len), p.heads,
                    p.v_head_dim);
    support.require(dtype(*gate) == dtype(p), FVATTN_R_EXTRA_INPUT, "gate_compress is %s, q is %s; one dtype is needed",
                    to_string(dtype(*gate)).c_str(), to_string(dtype(p)).c_str());
    support.require(!index, FVATTN_R_EXTRA_INPUT,
                    "gate_compress came with block_index; given lists have no coarse branch for it to scale");
  }
  support.require(!index == !count, FVATTN_R_EXTRA_INPUT, "block_index and block_count come together or not at all");
  if (!index || !count || index->ndim != 4) return;
  support.require(is(*index, {p.batch, p.heads, index->dim[2], index->dim[3]}), FVATTN_R_EXTRA_INPUT,
                  "block_index has the shape %s, [%lld, %d, query blocks, most key blocks] is needed",
                  shape_of(*index).c_str(), static_cast<long long>(p.batch), p.heads);
  support.require(is(*count, {p.batch, p.heads, index->dim[2]}), FVATTN_R_EXTRA_INPUT,
                  "block_count has the shape %s, [%lld, %d, %lld] is needed, as block_index", shape_of(*count).c_str(),
                  static_cast<long long>(p.batch), p.heads, static_cast<long long>(index->dim[2]));
}

}  // namespace

TensorSchema VideoSparseAttention::tensor_keys() {
  return TensorSchema()
      .key("gate_compress", 4, FVATTN_DT_F64 | FVATTN_DT_F32 | FVATTN_DT_BF16 | FVATTN_DT_F16, FVATTN_SHARD_SEQ_HEADS,
           "[B, Sq, H, D], scales the coarse result; without it the scale is 1", FVATTN_TENSOR_DIFFERENTIABLE)
      .key("block_index", 4, FVATTN_DT_I32, FVATTN_SHARD_HEADS, "[B, H, nq, kmax], key blocks of each query block")
      .key("block_count", 3, FVATTN_DT_I32, FVATTN_SHARD_HEADS, "[B, H, nq], how many entries of block_index count");
}

void VideoSparseAttention::query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
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
  support.require(!(p.flags & FVATTN_PROBLEM_CAUSAL), FVATTN_R_CAUSAL,
                  "causal, but blocks of a 3-D grid have no order in time; FLASH_ATTN and TORCH_SDPA are causal");
  support.require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN,
                  "cu_seqlens, but every sequence needs a grid of its own; FLASH_ATTN takes packed sequences");
  support.require(p.text_len == 0, FVATTN_R_TEXT, "%lld text tokens, which have no place in the grid; text needs a layer "
                  "of its own, or FLASH_ATTN or SLIDING_TILE_ATTN", static_cast<long long>(p.text_len));
  support.require(p.dropout_p == 0, FVATTN_R_DROPOUT, "dropout_p %g, only 0 is accepted; TORCH_SDPA has dropout",
                  p.dropout_p);
  support.require(p.q_len == p.kv_len, FVATTN_R_SHAPE,
                  "%lld queries and %lld keys; both must be the tokens of one grid", static_cast<long long>(p.q_len),
                  static_cast<long long>(p.kv_len));
  query_extras(p, support);
}

}  // namespace vsa
