// One shape of an attention computation: the owning C++ twin of fvattn_problem.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/metadata.hpp>
#include <fvattn/plugin.h>

#include <string>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

struct Spec {
  std::string name;
  uint8_t dtype_code = FVATTN_DTYPE_FLOAT, dtype_bits = 32;
  std::vector<int64_t> shape;
  bool operator==(const Spec&) const = default;
};

/// Field meanings as in fvattn_problem. Value type.
struct Problem {
  uint32_t flags = 0;  // FVATTN_PROBLEM_*
  int64_t batch = 1, q_len = 0, kv_len = 0;
  int32_t heads = 1, kv_heads = 1, head_dim = 64, v_head_dim = 64;
  uint8_t dtype_code = FVATTN_DTYPE_FLOAT, dtype_bits = 32;
  int32_t layer_index = 0, sp_world = 1, sp_rank = 0;
  int32_t heads_global = 0, kv_heads_global = 0, head_offset = 0, kv_head_offset = 0;  // 0 heads_global = heads
  double scale = 0, dropout_p = 0;
  int64_t text_len = 0, n_seqs = 0, max_q_len = 0, max_kv_len = 0;
  std::vector<Spec> extra;

  bool operator==(const Problem&) const = default;
  /// "B1 Sq4096 Skv4096 H12 Hkv12 D128 bfloat16 causal grad"
  std::string text() const;
};

/// A Problem laid out for the C ABI. Points into the Problem and the key-values, which must outlive it.
/// Throws Error if an extra tensor has more than 8 dimensions.
class PackedProblem {
 public:
  PackedProblem(const Problem& problem, fvattn_kvs meta = {});
  PackedProblem(const PackedProblem&) = delete;
  PackedProblem& operator=(const PackedProblem&) = delete;
  const fvattn_problem& c() const { return c_; }

 private:
  std::vector<fvattn_spec> extra_;
  fvattn_problem c_;
};

/// "bfloat16", "float32", "bool", ... of a DLPack code and width.
std::string dtype_name(uint8_t code, uint8_t bits);

}  // namespace fvattn
