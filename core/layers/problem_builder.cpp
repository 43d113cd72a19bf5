#include "problem_builder.hpp"

#include <algorithm>

namespace fvattn {
namespace {

std::string text_of(at::IntArrayRef sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(sizes[i]);
  return text + "]";
}

std::string text_of(const at::Tensor& t) {
  return t.defined() ? text_of(t.sizes()) + " " + std::string(c10::toString(t.scalar_type())) + " on " + t.device().str()
                     : "an undefined tensor";
}

Status bad(std::string what, std::string got, std::string accepted = {}) {
  return Status::error(Code::invalid_argument, std::move(what), std::move(got), std::move(accepted));
}

bool is_dense(const at::Tensor& t) { return t.defined() && t.layout() == at::kStrided; }

struct Lengths {
  int64_t sequences = 0, longest = 0;
};

// Reads the boundaries; waits for the GPU when they lie there.
Result<Lengths> read_boundaries(const NamedTensor& boundaries, int64_t rows, const std::optional<int64_t>& longest) {
  const at::Tensor& t = boundaries.tensor;
  if (t.dim() != 1 || t.scalar_type() != at::kInt || t.size(0) < 2)
    return bad("'" + boundaries.name + "' must hold the boundaries of packed sequences", text_of(t),
               "int32 [n + 1], n at least 1");
  Lengths lengths{t.size(0) - 1, longest.value_or(0)};
  if (longest) return lengths;
  const at::Tensor host = t.cpu().contiguous();
  const int32_t* at = host.const_data_ptr<int32_t>();
  bool rising = at[0] == 0 && at[lengths.sequences] == rows;
  for (int64_t i = 0; i < lengths.sequences; ++i) {
    rising = rising && at[i] <= at[i + 1];
    lengths.longest = std::max<int64_t>(lengths.longest, at[i + 1] - at[i]);
  }
  if (!rising)
    return bad("'" + boundaries.name + "' must rise from 0 to the number of rows",
               "last " + std::to_string(at[lengths.sequences]), std::to_string(rows));
  return lengths;
}

Status add_varlen(const Inputs& inputs, const CallOptions& call, Problem& problem) {
  const NamedTensor *q = nullptr, *k = nullptr;
  for (const NamedTensor& extra : inputs.extras) {
    if (extra.name == "cu_seqlens_q") q = &extra;
    if (extra.name == "cu_seqlens_k") k = &extra;
  }
  if (q == nullptr && k == nullptr) return {};
  if (q == nullptr || k == nullptr)
    return bad("packed sequences need both boundaries", q == nullptr ? "cu_seqlens_k alone" : "cu_seqlens_q alone",
               "cu_seqlens_q and cu_seqlens_k");
  if (problem.batch != 1) return bad("packed sequences need batch 1", std::to_string(problem.batch));
  const auto q_lengths = read_boundaries(*q, problem.q_len, call.max_seqlen_q);
  if (!q_lengths) return q_lengths.status();
  const auto k_lengths = read_boundaries(*k, problem.kv_len, call.max_seqlen_k);
  if (!k_lengths) return k_lengths.status();
  if (q_lengths->sequences != k_lengths->sequences)
    return bad("cu_seqlens_q and cu_seqlens_k must name the same number of sequences",
               std::to_string(q_lengths->sequences) + " and " + std::to_string(k_lengths->sequences));
  problem.flags |= FVATTN_PROBLEM_VARLEN;
  problem.n_seqs = q_lengths->sequences;
  problem.max_q_len = q_lengths->longest;
  problem.max_kv_len = k_lengths->longest;
  return {};
}

}  // namespace

Status check_qkv(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const LayerShape& shape) {
  const auto got = [&] { return "q " + text_of(q) + ", k " + text_of(k) + ", v " + text_of(v); };
  if (!is_dense(q) || !is_dense(k) || !is_dense(v) || q.dim() != 4 || k.dim() != 4 || v.dim() != 4)
    return bad("Expected 4D tensors", got(), "dense tensors q [B, Sq, H, D], k [B, Skv, Hkv, D], v [B, Skv, Hkv, Dv]");
  if (q.scalar_type() != k.scalar_type() || q.scalar_type() != v.scalar_type() || q.device() != k.device() ||
      q.device() != v.device())
    return bad("q, k and v must have one dtype and one device", got());
  if (!q.is_floating_point() || !dl_dtype(q.scalar_type()))
    return bad("attention needs a floating dtype", c10::toString(q.scalar_type()), "float64, float32, bfloat16, float16");
  if (q.size(0) != k.size(0) || q.size(0) != v.size(0) || k.size(1) != v.size(1) || k.size(2) != v.size(2) ||
      q.size(3) != k.size(3))
    return bad("q, k and v must agree: one batch, k and v of one length and one number of heads, q and k of one head size",
               got());
  if (q.size(2) != shape.heads || k.size(2) != shape.kv_heads || q.size(3) != shape.head_size)
    return bad("the tensors do not have this layer's heads", got(),
               std::to_string(shape.heads) + " query heads, " + std::to_string(shape.kv_heads) + " kv heads of size " +
                   std::to_string(shape.head_size));
  return {};
}

Result<Problem> make_problem(const Inputs& inputs, const LayerShape& shape, const CallOptions& call, int64_t text_length) {
  Problem problem;
  const DlDtype dtype = *dl_dtype(inputs.q.scalar_type());
  if (shape.causal) problem.flags |= FVATTN_PROBLEM_CAUSAL;
  if (shape.deterministic) problem.flags |= FVATTN_PROBLEM_NEED_DETERMINISM;
  if (call.return_lse) problem.flags |= FVATTN_PROBLEM_NEED_LSE;
  problem.batch = inputs.q.size(0);
  problem.q_len = inputs.q.size(1);
  problem.kv_len = inputs.k.size(1);
  problem.heads = static_cast<int32_t>(inputs.q.size(2));
  problem.kv_heads = static_cast<int32_t>(inputs.k.size(2));
  problem.head_dim = static_cast<int32_t>(inputs.q.size(3));
  problem.v_head_dim = static_cast<int32_t>(inputs.v.size(3));
  problem.dtype_code = dtype.code;
  problem.dtype_bits = dtype.bits;
  problem.layer_index = shape.layer_index;
  problem.scale = shape.scale;
  problem.text_len = text_length;
  if (text_length < 0 || text_length > std::min(problem.q_len, problem.kv_len))
    return bad("text_length must be the number of trailing text rows of q, k and v", std::to_string(text_length),
               "0 to " + std::to_string(std::min(problem.q_len, problem.kv_len)));
  for (const NamedTensor& extra : inputs.extras) {
    if (!is_dense(extra.tensor) || extra.tensor.device() != inputs.q.device() || !dl_dtype(extra.tensor.scalar_type()))
      return bad("the input '" + extra.name + "' must be a dense tensor on the device of q", text_of(extra.tensor),
                 "on " + inputs.q.device().str());
    problem.extra.push_back(spec_of(extra.name, extra.tensor));
  }
  if (!inputs.extras.empty())
    if (Status status = add_varlen(inputs, call, problem); !status.ok()) return status;
  return problem;
}

}  // namespace fvattn
