#include "verify/case.hpp"

#include <cmath>

namespace fvattn::verify {

double Case::softmax_scale() const { return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(dim)); }

std::string Case::text() const {
  std::string text = group + " B" + std::to_string(batch) + " Sq" + std::to_string(q_len) + " Sk" + std::to_string(kv_len) +
                     " H" + std::to_string(heads) + (kv_heads != heads ? " Hkv" + std::to_string(kv_heads) : "") + " D" +
                     std::to_string(dim);
  if (v_dim != 0 && v_dim != dim) text += " Dv" + std::to_string(v_dim);
  if (causal) text += " causal";
  if (scale != 0) text += " scale " + std::to_string(scale);
  if (mask != KeyMask::none) text += mask == KeyMask::random ? " key mask" : " a batch entry without keys";
  if (is_varlen()) text += " " + std::to_string(cu_q.size() - 1) + " packed";
  if (layout != Layout::contiguous) text += layout == Layout::gaps ? " gaps" : " heads first";
  if (spread != 1) text += " logits to " + std::to_string(static_cast<int64_t>(4 * spread));
  if (!grid.empty())
    text += " grid " + std::to_string(grid[0]) + "x" + std::to_string(grid[1]) + "x" + std::to_string(grid[2]) + " layer " +
            std::to_string(layer_index);
  return text;
}

std::string dtype_text(at::ScalarType type) {
  return type == at::kDouble ? "float64" : type == at::kFloat ? "float32" : type == at::kHalf ? "float16" : "bfloat16";
}

}  // namespace fvattn::verify
