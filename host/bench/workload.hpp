// One shape to measure.
#pragma once

#include <fvattn/metadata.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace fvattn::bench {

struct Workload {
  std::string name = "custom";
  int64_t batch = 1, q_len = 4096, kv_len = 0;  // kv_len 0: as q_len
  int64_t heads = 8, kv_heads = 0, dim = 128;   // kv_heads 0: as heads
  bool causal = false;
  std::vector<int64_t> grid = {};  // token grid T, H, W; then q_len is its product and the text
  int64_t text = 0;                // trailing text rows
  std::string dtype = {};          // empty: the device's default
  KeyValues parameters = {};       // by the names of run_contract

  int64_t keys() const { return kv_len != 0 ? kv_len : q_len; }
  int64_t key_heads() const { return kv_heads != 0 ? kv_heads : heads; }
  /// Pairs (query, key) of exact attention over batch and heads.
  int64_t exact_pairs() const;
  /// "B1 S32760 H12 D128 causal"
  std::string shape_text() const;
};

/// The shapes that everybody compares: names and what they are.
const std::vector<Workload>& presets();
Result<Workload> preset(const std::string& name);

/// The product of all axes over each of `base`. An axis is NAME=VALUE,VALUE,...; NAME is batch, seq, kv_seq, heads,
/// kv_heads, dim, causal, grid (TxHxW), text, dtype, or a parameter whose values are JSON. INVALID_ARGUMENT names what is
/// wrong.
Result<std::vector<Workload>> with_axes(std::vector<Workload> base, const std::vector<std::string>& axes);

}  // namespace fvattn::bench
