// The answer of query: every reason against, or a score.
#pragma once

#include <fvattn/plugin/error.hpp>

namespace fvattn::plugin {

/// Starts as "supported"; each failed requirement adds its reason bit and a note. Ask for everything at once, without
/// early returns, so that the user sees all reasons together. The mask is complete even when the notes run out.
class Support {
 public:
  explicit Support(fvattn_support& out) : out_(out) {
    out_.supported = 1;
    out_.score = out_.est_us = 0;
    out_.reasons = 0;
    out_.n_notes = 0;
  }

  /// reason: one FVATTN_R_*. The note should say what came and what would do: "head_dim %d, a multiple of 8 is needed".
  __attribute__((format(printf, 4, 5))) Support& require(bool ok, uint64_t reason, const char* format, ...) {
    if (ok) return *this;
    va_list args;
    va_start(args, format);
    note(reason, detail::vformat(format, args));
    va_end(args);
    return *this;
  }
  __attribute__((format(printf, 3, 4))) Support& refuse(uint64_t reason, const char* format, ...) {
    va_list args;
    va_start(args, format);
    note(reason, detail::vformat(format, args));
    va_end(args);
    return *this;
  }
  /// 0..1: the expected fraction of the best known speed on this device.
  Support& score(double value) {
    out_.score = value;
    return *this;
  }
  Support& estimate_us(double value) {
    out_.est_us = value;
    return *this;
  }
  bool refused() const { return out_.reasons != 0; }

 private:
  void note(uint64_t reason, const std::string& text) {
    out_.supported = 0;
    out_.reasons |= reason;
    if (out_.n_notes >= out_.cap_notes || !out_.notes) return;
    fvattn_note& note = out_.notes[out_.n_notes++];
    note.reason = reason;
    const size_t bytes = detail::utf8_prefix(text.data(), text.size(), sizeof note.text - 1);
    std::memcpy(note.text, text.data(), bytes);
    note.text[bytes] = '\0';
  }

  fvattn_support& out_;
};

}  // namespace fvattn::plugin
