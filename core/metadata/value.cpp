#include <fvattn/metadata.hpp>
#include <fvattn/problem.hpp>

#include <charconv>

namespace fvattn {
namespace {

constexpr size_t kMostShown = 8;  // elements of a list in a message

std::string text_of(int64_t value) { return std::to_string(value); }

// The shortest text that reads back as the same number.
std::string text_of(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  return error == std::errc() ? std::string(text, end) : std::to_string(value);
}

template <class T>
std::string list_text(const std::vector<T>& values, size_t most) {
  std::string text = "[";
  for (size_t i = 0; i < values.size() && i < most; ++i) text += (i == 0 ? "" : ", ") + text_of(values[i]);
  if (values.size() > most) text += ", ... " + std::to_string(values.size()) + " in all";
  return text + "]";
}

struct ToText {
  std::string operator()(int64_t value) const { return text_of(value); }
  std::string operator()(double value) const { return text_of(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return "\"" + value + "\""; }
  std::string operator()(const std::vector<int64_t>& value) const { return list_text(value, kMostShown); }
  std::string operator()(const std::vector<double>& value) const { return list_text(value, kMostShown); }
  std::string operator()(const TensorValue& value) const {
    if (!value.defined()) return "tensor without memory";
    const fvattn_tensor& view = value.view();
    return "tensor " + dtype_name(view.dtype_code, view.dtype_bits) + " " + list_text(value.shape(), value.shape().size()) +
           (view.device_type == FVATTN_CUDA ? " on cuda:" + std::to_string(view.device_id) : "");
  }
};

}  // namespace

int32_t kind_of(const Value& value) { return static_cast<int32_t>(value.index()) + FVATTN_I64; }

const char* kind_name(int32_t kind) {
  switch (kind) {
    case FVATTN_I64: return "int";
    case FVATTN_F64: return "number";
    case FVATTN_BOOL: return "bool";
    case FVATTN_STR: return "string";
    case FVATTN_I64S: return "list of int";
    case FVATTN_F64S: return "list of number";
    case FVATTN_TENSOR: return "tensor";
    default: return "unknown kind";
  }
}

std::string to_string(const Value& value) { return std::visit(ToText{}, value); }

}  // namespace fvattn
