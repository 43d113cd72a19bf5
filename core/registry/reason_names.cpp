#include <fvattn/attention_backend.hpp>

#include <utility>

namespace fvattn {

std::string reason_names(uint64_t reasons) {
  static constexpr std::pair<uint64_t, const char*> kNames[] = {
      {FVATTN_R_ARCH, "ARCH"},
      {FVATTN_R_DRIVER, "DRIVER"},
      {FVATTN_R_DTYPE, "DTYPE"},
      {FVATTN_R_HEAD_DIM, "HEAD_DIM"},
      {FVATTN_R_GQA, "GQA"},
      {FVATTN_R_MASK, "MASK"},
      {FVATTN_R_CAUSAL, "CAUSAL"},
      {FVATTN_R_VARLEN, "VARLEN"},
      {FVATTN_R_DROPOUT, "DROPOUT"},
      {FVATTN_R_BACKWARD, "BACKWARD"},
      {FVATTN_R_EXTRA_INPUT, "EXTRA_INPUT"},
      {FVATTN_R_META_MISSING, "META_MISSING"},
      {FVATTN_R_META_UNKNOWN, "META_UNKNOWN"},
      {FVATTN_R_SHAPE, "SHAPE"},
      {FVATTN_R_SMEM, "SMEM"},
      {FVATTN_R_MEMORY, "MEMORY"},
      {FVATTN_R_CAPTURE, "CAPTURE"},
      {FVATTN_R_DETERMINISM, "DETERMINISM"},
      {FVATTN_R_SP_LAYOUT, "SP_LAYOUT"},
      {FVATTN_R_TEXT, "TEXT"},
      {FVATTN_R_LICENSE, "LICENSE"},
      {FVATTN_R_VENDOR, "VENDOR"},
  };
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((reasons & bit) != 0) text += (text.empty() ? "" : "|") + std::string(name);
    reasons &= ~bit;
  }
  // A plugin of a newer minor version may know more.
  for (int bit = 0; bit < 64; ++bit)
    if ((reasons >> bit & 1u) != 0) text += (text.empty() ? "BIT_" : "|BIT_") + std::to_string(bit);
  return text;
}

}  // namespace fvattn
