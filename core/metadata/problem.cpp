#include <fvattn/problem.hpp>

#include <algorithm>

namespace fvattn {

std::string dtype_name(uint8_t code, uint8_t bits) {
  switch (code) {
    case FVATTN_DTYPE_INT: return "int" + std::to_string(bits);
    case FVATTN_DTYPE_UINT: return "uint" + std::to_string(bits);
    case FVATTN_DTYPE_FLOAT: return "float" + std::to_string(bits);
    case FVATTN_DTYPE_BFLOAT: return "bfloat" + std::to_string(bits);
    case FVATTN_DTYPE_BOOL: return "bool";
    default: return "dtype(" + std::to_string(code) + ", " + std::to_string(bits) + " bits)";
  }
}

std::string Problem::text() const {
  std::string text = "B" + std::to_string(batch) + " Sq" + std::to_string(q_len) + " Skv" + std::to_string(kv_len) + " H" +
                     std::to_string(heads) + " Hkv" + std::to_string(kv_heads) + " D" + std::to_string(head_dim);
  if (v_head_dim != head_dim) text += " Dv" + std::to_string(v_head_dim);
  text += " " + dtype_name(dtype_code, dtype_bits);
  constexpr std::pair<uint32_t, const char*> kFlagWords[] = {
      {FVATTN_PROBLEM_CAUSAL, " causal"},        {FVATTN_PROBLEM_NEED_GRAD, " grad"},
      {FVATTN_PROBLEM_VARLEN, " varlen"},        {FVATTN_PROBLEM_NEED_CAPTURE, " capture"},
      {FVATTN_PROBLEM_NEED_DETERMINISM, " deterministic"}, {FVATTN_PROBLEM_NEED_LSE, " lse"},
  };
  for (const auto& [flag, word] : kFlagWords)
    if ((flags & flag) != 0) text += word;
  if (text_len != 0) text += " text" + std::to_string(text_len);
  if (dropout_p != 0) text += " dropout";
  if (sp_world > 1) text += " rank" + std::to_string(sp_rank) + "of" + std::to_string(sp_world);
  for (const Spec& spec : extra) {
    text += " " + spec.name + "[";
    for (size_t i = 0; i < spec.shape.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(spec.shape[i]);
    text += "]";
  }
  return text;
}

PackedProblem::PackedProblem(const Problem& problem, fvattn_kvs meta) : c_{} {
  extra_.reserve(problem.extra.size());
  for (const Spec& spec : problem.extra) {
    fvattn_spec c{};
    if (spec.shape.size() > std::size(c.dim))
      throw Error(Status::error(Code::invalid_argument, "tensor '" + spec.name + "' has too many dimensions",
                                std::to_string(spec.shape.size()), "at most " + std::to_string(std::size(c.dim))));
    c.name = {spec.name.data(), spec.name.size()};
    c.dtype_code = spec.dtype_code;
    c.dtype_bits = spec.dtype_bits;
    c.ndim = static_cast<int32_t>(spec.shape.size());
    std::copy(spec.shape.begin(), spec.shape.end(), c.dim);
    extra_.push_back(c);
  }
  c_.size = sizeof(c_);
  c_.flags = problem.flags;
  c_.batch = problem.batch;
  c_.q_len = problem.q_len;
  c_.kv_len = problem.kv_len;
  c_.heads = problem.heads;
  c_.kv_heads = problem.kv_heads;
  c_.head_dim = problem.head_dim;
  c_.v_head_dim = problem.v_head_dim;
  c_.dtype_code = problem.dtype_code;
  c_.dtype_bits = problem.dtype_bits;
  c_.layer_index = problem.layer_index;
  c_.sp_world = problem.sp_world;
  c_.n_extra = static_cast<uint32_t>(extra_.size());
  c_.scale = problem.scale;
  c_.dropout_p = problem.dropout_p;
  c_.extra = extra_.data();
  c_.meta = meta;
  c_.text_len = problem.text_len;
  c_.n_seqs = problem.n_seqs;
  c_.max_q_len = problem.max_q_len;
  c_.max_kv_len = problem.max_kv_len;
  c_.sp_rank = problem.sp_rank;
  c_.heads_global = problem.heads_global != 0 ? problem.heads_global : problem.heads;
  c_.kv_heads_global = problem.kv_heads_global != 0 ? problem.kv_heads_global : problem.kv_heads;
  c_.head_offset = problem.head_offset;
  c_.kv_head_offset = problem.kv_head_offset;
}

}  // namespace fvattn
