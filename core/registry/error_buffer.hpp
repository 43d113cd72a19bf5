// The error that a plugin fills, and what becomes of it.
#pragma once

#include <fvattn/plugin.h>
#include <fvattn/status.hpp>

#include <string>
#include <string_view>

namespace fvattn {

/// On the stack of each call into a plugin; costs nothing while all goes well.
class ErrorBuffer {
 public:
  ErrorBuffer() {
    c_ = {sizeof(fvattn_error), FVATTN_OK, 0, FVATTN_DOMAIN_FVATTN, 0, 0, text_, sizeof(text_)};
    text_[0] = '\0';
  }
  ErrorBuffer(const ErrorBuffer&) = delete;
  ErrorBuffer& operator=(const ErrorBuffer&) = delete;

  fvattn_error* c() { return &c_; }
  /// What was written, made printable and cut to the buffer: the plugin's numbers are not believed.
  std::string text() const;
  /// The failure `code` in full. `who` comes before the plugin's words.
  Status status(fvattn_status code, std::string_view who) const;

 private:
  fvattn_error c_;
  char text_[2048];
};

/// Fills `error`, as far as its producer's size reaches, and returns `code`. For the host's own functions.
fvattn_status fill_error(fvattn_error* error, Code code, std::string_view message, uint32_t flags = 0);

/// At most `bytes` bytes of `text`, cut between UTF-8 characters.
std::string_view cut_utf8(std::string_view text, size_t bytes);
/// Control characters but line ends and tabs become '?'; cut to `most` bytes.
std::string printable(std::string_view text, size_t most);

}  // namespace fvattn
