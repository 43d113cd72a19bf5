#include "error_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace fvattn {
namespace {

Code code_of(fvattn_status status) {
  switch (status) {
    case FVATTN_INVALID_ARGUMENT:
    case FVATTN_RESOURCE_EXHAUSTED:
    case FVATTN_FAILED_PRECONDITION:
    case FVATTN_UNIMPLEMENTED:
    case FVATTN_UNAVAILABLE:
      return static_cast<Code>(status);
    default:
      return Code::internal;
  }
}

const char* domain_name(uint32_t domain) {
  switch (domain) {
    case FVATTN_DOMAIN_CUDART:
      return "CUDA runtime error ";
    case FVATTN_DOMAIN_CUDA_DRIVER:
      return "CUDA driver error ";
    case FVATTN_DOMAIN_ERRNO:
      return "errno ";
    default:
      return "native code ";
  }
}

}  // namespace

std::string_view cut_utf8(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

std::string printable(std::string_view text, size_t most) {
  std::string clean(cut_utf8(text, most));
  for (char& c : clean)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  return clean;
}

std::string ErrorBuffer::text() const {
  // msg may have been replaced; only our own memory is read.
  const size_t length = std::min<size_t>(c_.msg_len, sizeof(text_));
  const size_t written = length > 0 ? length : strnlen(text_, sizeof(text_));
  return printable({text_, strnlen(text_, written)}, sizeof(text_));
}

Status ErrorBuffer::status(fvattn_status code, std::string_view who) const {
  std::string what = std::string(who) + ": ";
  const std::string words = text();
  what += words.empty() ? "failed with status " + std::to_string(code) + " and said nothing" : words;
  if (c_.native_code != 0) what += " (" + std::string(domain_name(c_.domain)) + std::to_string(c_.native_code) + ")";
  Status status = Status::error(code_of(code), std::move(what));
  status.flags = c_.flags & (FVATTN_ERROR_STICKY | FVATTN_ERROR_RETRYABLE | FVATTN_ERROR_OUTPUT_UNTOUCHED);
  return status;
}

fvattn_status fill_error(fvattn_error* error, Code code, std::string_view message, uint32_t flags) {
  const auto status = static_cast<fvattn_status>(code);
  if (error == nullptr) return status;
  if (FVATTN_HAS(error, code)) error->code = status;
  if (FVATTN_HAS(error, flags)) error->flags = flags;
  if (!FVATTN_HAS(error, msg_cap) || error->msg == nullptr || error->msg_cap == 0) return status;
  const std::string_view cut = cut_utf8(message, error->msg_cap - 1);
  std::memcpy(error->msg, cut.data(), cut.size());
  error->msg[cut.size()] = '\0';
  error->msg_len = static_cast<uint32_t>(cut.size());
  return status;
}

}  // namespace fvattn
