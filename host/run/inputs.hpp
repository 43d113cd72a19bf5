// What one input file holds, checked against the contract of `run`.
#pragma once

#include "run/tensor_file.hpp"

#include <string>
#include <vector>

namespace fvattn::host {

struct Inputs {
  at::Tensor q, k, v;                 // [B, S, H, D]
  at::Tensor text_q, text_k, text_v;  // all or none
  at::Tensor d_o, d_text_o;           // gradients are asked for when d_o is there
  Tensors others;                     // by name: mask, gate_compress, cu_seqlens_q, ..., a backend's own
  std::vector<std::string> warnings;  // values that are not finite

  bool has_text() const { return text_q.defined(); }
  bool wants_gradients() const { return d_o.defined(); }
};

/// All tensors of the inputs, by their names in the file.
Tensors all_tensors(const Inputs& inputs);
/// The reverse; nothing is checked.
Inputs inputs_of(Tensors tensors);

/// Names that the contract gives a meaning to, whoever computes.
const std::vector<std::string>& contract_tensors();

/// Reads and checks the file; nothing is converted. FAILED_PRECONDITION names file, tensor and what is wrong.
Result<Inputs> read_inputs(const std::string& path);
/// In place: floating tensors of the computation to `dtype`, everything to `device`. Masks and other inputs keep their
/// dtype, but for gate_compress.
void convert(Inputs& inputs, at::ScalarType dtype, at::Device device);

}  // namespace fvattn::host
