// Exceptions of a plugin, and how they become the C error of the caller.
#pragma once

#include <fvattn/plugin.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace fvattn::plugin {

/// Throw it from any function of a backend. The text is UTF-8 with the cause first; the host adds plugin, backend, layer
/// and problem. flags are FVATTN_ERROR_*; native_code and domain (FVATTN_DOMAIN_*) carry a CUDA or errno code.
class Error : public std::exception {
 public:
  explicit Error(fvattn_status status, std::string text, uint32_t flags = 0, int32_t native_code = 0, uint32_t domain = 0)
      : text_(std::move(text)),
        status_(status == FVATTN_OK ? FVATTN_INTERNAL : status),
        native_code_(native_code),
        flags_(flags),
        domain_(domain) {}

  const char* what() const noexcept override { return text_.c_str(); }
  const std::string& text() const { return text_; }
  fvattn_status status() const { return status_; }
  uint32_t flags() const { return flags_; }
  int32_t native_code() const { return native_code_; }
  uint32_t domain() const { return domain_; }

 private:
  std::string text_;
  fvattn_status status_;
  int32_t native_code_;
  uint32_t flags_, domain_;
};

namespace detail {

inline std::string vformat(const char* format, va_list args) {
  va_list again;
  va_copy(again, args);
  const int bytes = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  std::string text(bytes > 0 ? static_cast<size_t>(bytes) : 0, '\0');
  if (bytes > 0) std::vsnprintf(text.data(), text.size() + 1, format, args);
  return text;
}

/// The longest prefix of text that fits in `room` bytes and does not split a UTF-8 character.
inline size_t utf8_prefix(const char* text, size_t bytes, size_t room) {
  if (bytes <= room) return bytes;
  size_t end = room;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

inline void write_error(fvattn_error* err, fvattn_status status, const char* text, uint32_t flags = 0,
                        int32_t native_code = 0, uint32_t domain = 0) noexcept {
  if (!err) return;
  if (FVATTN_HAS(err, code)) err->code = status;
  if (FVATTN_HAS(err, native_code)) err->native_code = native_code;
  if (FVATTN_HAS(err, domain)) err->domain = domain;
  if (FVATTN_HAS(err, flags)) err->flags = flags;
  if (FVATTN_HAS(err, msg_len)) err->msg_len = 0;
  if (!FVATTN_HAS(err, msg_cap) || !err->msg) return;
  const size_t bytes = utf8_prefix(text, std::strlen(text), err->msg_cap);
  std::memcpy(err->msg, text, bytes);
  err->msg_len = static_cast<uint32_t>(bytes);
}

/// Runs body() and turns whatever it throws into a status with text.
template <class Body>
fvattn_status guard(fvattn_error* err, Body&& body) noexcept {
  try {
    body();
    return FVATTN_OK;
  } catch (const Error& e) {
    write_error(err, e.status(), e.what(), e.flags(), e.native_code(), e.domain());
    return e.status();
  } catch (const std::bad_alloc&) {
    write_error(err, FVATTN_RESOURCE_EXHAUSTED, "out of host memory", FVATTN_ERROR_RETRYABLE);
    return FVATTN_RESOURCE_EXHAUSTED;
  } catch (const std::exception& e) {
    write_error(err, FVATTN_INTERNAL, e.what());
    return FVATTN_INTERNAL;
  } catch (...) {
    write_error(err, FVATTN_INTERNAL, "an exception that is no std::exception");
    return FVATTN_INTERNAL;
  }
}

}  // namespace detail

/// throw Error with a printf-like text.
[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(fvattn_status status, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = detail::vformat(format, args);
  va_end(args);
  throw Error(status, std::move(text));
}

}  // namespace fvattn::plugin
