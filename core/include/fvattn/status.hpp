// Errors as values: what went wrong, what came, what is accepted, what to do about it.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/plugin.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace fvattn FVATTN_PUBLIC {

enum class Code : int32_t {
  ok = FVATTN_OK,
  invalid_argument = FVATTN_INVALID_ARGUMENT,
  resource_exhausted = FVATTN_RESOURCE_EXHAUSTED,
  failed_precondition = FVATTN_FAILED_PRECONDITION,
  unimplemented = FVATTN_UNIMPLEMENTED,
  internal = FVATTN_INTERNAL,
  unavailable = FVATTN_UNAVAILABLE,
};

const char* to_string(Code code);

/// Success, or one failure in full. Empty parts are left out of text().
struct [[nodiscard]] Status {
  Code code = Code::ok;
  std::string what;      // the cause, first
  std::string got;       // the offending value
  std::string accepted;  // what would have been accepted
  std::string hint;      // what to do
  uint32_t flags = 0;    // FVATTN_ERROR_*

  bool ok() const { return code == Code::ok; }
  /// "what; got X; accepted: Y; hint"
  std::string text() const;

  static Status error(Code code, std::string what, std::string got = {}, std::string accepted = {}, std::string hint = {});
};

/// A value or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  Result(Status status) : v_(std::in_place_index<1>, std::move(status)) {}

  bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return std::get<0>(v_); }
  const T& operator*() const { return std::get<0>(v_); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  const Status& status() const {
    static const Status fine;
    return ok() ? fine : std::get<1>(v_);
  }
  /// The value; throws Error when there is none. For the public C++ surface.
  T value() &&;

 private:
  std::variant<T, Status> v_;
};

/// The only exception of the public C++ API.
class Error : public std::runtime_error {
 public:
  explicit Error(Status status) : std::runtime_error(status.text()), status_(std::move(status)) {}
  const Status& status() const { return status_; }

 private:
  Status status_;
};

template <class T>
T Result<T>::value() && {
  if (!ok()) throw Error(std::get<1>(std::move(v_)));
  return std::get<0>(std::move(v_));
}

}  // namespace fvattn
