#include "run/inputs.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace fvattn::host {
namespace {

constexpr const char* kGate = "gate_compress";

std::string shape_text(const at::Tensor& tensor) {
  std::string text = "[";
  for (int64_t i = 0; i < tensor.dim(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(tensor.size(i));
  return text + "]";
}

bool is_computable(at::ScalarType type) {
  return type == at::kDouble || type == at::kFloat || type == at::kBFloat16 || type == at::kHalf;
}

class Checker {
 public:
  explicit Checker(std::string path) : path_(std::move(path)) {}

  Status wrong(const std::string& what, const std::string& got, const std::string& accepted,
               const std::string& hint = {}) const {
    return Status::error(Code::failed_precondition, path_ + ": " + what, got, accepted, hint);
  }
  // [B, S, heads, D] in the dtype of q; -1 is any length.
  Status tensor(const char* name, const at::Tensor& t, const at::Tensor& q, const std::vector<int64_t>& shape,
                const char* meaning) const {
    const std::string called = std::string("tensor '") + name + "'";
    bool fits = t.dim() == 4;
    for (size_t i = 0; fits && i < 4; ++i) fits = shape[i] < 0 || t.size(static_cast<int64_t>(i)) == shape[i];
    if (!fits) {
      std::string expected;
      for (const int64_t length : shape)
        expected += (expected.empty() ? "[" : ", ") + (length < 0 ? std::string("any") : std::to_string(length));
      return wrong(called + (t.dim() == 4 ? " has the wrong shape" : " has the wrong rank"), shape_text(t),
                   std::string(meaning) + " = " + expected + "]");
    }
    if (t.scalar_type() != q.scalar_type())
      return wrong(called + " must have the dtype of q", at::toString(t.scalar_type()), at::toString(q.scalar_type()));
    return {};
  }

 private:
  std::string path_;
};

at::Tensor taken(Tensors& tensors, const char* name) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) return {};
  at::Tensor tensor = found->second;
  tensors.erase(found);
  return tensor;
}

Status check_main(const Checker& check, const Inputs& in) {
  for (const auto& [name, tensor] : {std::pair{"q", &in.q}, {"k", &in.k}, {"v", &in.v}})
    if (!tensor->defined()) return check.wrong(std::string("tensor '") + name + "' is missing", "nothing", "q, k and v");
  if (!is_computable(in.q.scalar_type()))
    return check.wrong("tensor 'q' has the wrong dtype", at::toString(in.q.scalar_type()),
                       "float64, float32, bfloat16, float16");
  if (Status status = check.tensor("q", in.q, in.q, {-1, -1, -1, -1}, "[B, Sq, H, D]"); !status.ok()) return status;
  if (in.q.size(2) == 0 || in.q.size(3) == 0)
    return check.wrong("tensor 'q' has no heads or no head dimension", shape_text(in.q), "at least 1 of each");
  if (Status status = check.tensor("k", in.k, in.q, {in.q.size(0), -1, -1, in.q.size(3)}, "[B, Sk, Hkv, D]"); !status.ok())
    return status;
  if (Status status =
          check.tensor("v", in.v, in.q, {in.q.size(0), in.k.size(1), in.k.size(2), in.q.size(3)}, "[B, Sk, Hkv, D]");
      !status.ok())
    return status;
  if (in.k.size(2) == 0 || in.q.size(2) % in.k.size(2) != 0)
    return check.wrong("the heads of q must be a multiple of those of k and v",
                       std::to_string(in.q.size(2)) + " and " + std::to_string(in.k.size(2)), "H % Hkv == 0");
  return {};
}

Status check_text(const Checker& check, const Inputs& in) {
  const bool any = in.text_q.defined() || in.text_k.defined() || in.text_v.defined();
  if (!any) return {};
  if (!in.text_q.defined() || !in.text_k.defined() || !in.text_v.defined())
    return check.wrong("text needs three tensors", "only some of them", "text_q, text_k and text_v, or none of them");
  const int64_t batch = in.q.size(0), dim = in.q.size(3);
  if (Status status = check.tensor("text_q", in.text_q, in.q, {batch, -1, in.q.size(2), dim}, "[B, Lt, H, D]"); !status.ok())
    return status;
  const int64_t length = in.text_q.size(1);
  if (Status status = check.tensor("text_k", in.text_k, in.q, {batch, length, in.k.size(2), dim}, "[B, Lt, Hkv, D]");
      !status.ok())
    return status;
  return check.tensor("text_v", in.text_v, in.q, {batch, length, in.k.size(2), dim}, "[B, Lt, Hkv, D]");
}

Status check_gradients(const Checker& check, const Inputs& in) {
  if (in.d_text_o.defined() && !(in.has_text() && in.d_o.defined()))
    return check.wrong("'d_text_o' has nothing to belong to",
                       "no " + std::string(in.has_text() ? "d_o" : "text_q, text_k, text_v"),
                       "d_o and text tensors with it");
  if (!in.d_o.defined()) return {};
  if (Status status = check.tensor("d_o", in.d_o, in.q, in.q.sizes().vec(), "[B, Sq, H, D]"); !status.ok()) return status;
  return in.d_text_o.defined() ? check.tensor("d_text_o", in.d_text_o, in.q, in.text_q.sizes().vec(), "[B, Lt, H, D]")
                               : Status{};
}

Status check_others(const Checker& check, const Inputs& in) {
  const int64_t keys = in.k.size(1) + (in.has_text() ? in.text_k.size(1) : 0);
  if (const auto mask = in.others.find("mask"); mask != in.others.end()) {
    const at::Tensor& t = mask->second;
    const bool ranked = t.dim() >= 1 && t.dim() <= 4;
    if (!ranked || t.size(-1) != keys)
      return check.wrong(std::string("tensor 'mask' has the wrong ") +
                             (ranked ? "shape: its last length is the number of keys, text included" : "rank"),
                         shape_text(t),
                         "[Sk], [B, Sk], [B, Sq, Sk] or [B, H or 1, Sq, Sk] with Sk = " + std::to_string(keys));
    const at::ScalarType type = t.scalar_type();
    if (!is_computable(type) && type != at::kBool && type != at::kByte && type != at::kInt && type != at::kLong)
      return check.wrong("tensor 'mask' has the wrong dtype", at::toString(type),
                         "bool, uint8, int32, int64 (not 0 = attend), or a float type (added to the logits)");
  }
  if (const auto gate = in.others.find(kGate); gate != in.others.end())
    if (Status status = check.tensor(kGate, gate->second, in.q, in.q.sizes().vec(), "[B, Sq, H, D]"); !status.ok())
      return status;
  for (const char* name : {"cu_seqlens_q", "cu_seqlens_k"})
    if (const auto lengths = in.others.find(name); lengths != in.others.end())
      if (lengths->second.dim() != 1 || lengths->second.scalar_type() != at::kInt)
        return check.wrong(std::string("tensor '") + name + "' has the wrong rank or dtype",
                           std::string(at::toString(lengths->second.scalar_type())) + " " + shape_text(lengths->second),
                           "int32 [n + 1]");
  return {};
}

void note_non_finite(const std::string& name, const at::Tensor& tensor, std::vector<std::string>& warnings) {
  if (!tensor.defined() || !tensor.is_floating_point() || !is_computable(tensor.scalar_type())) return;
  const int64_t nan = tensor.isnan().sum().item<int64_t>();
  // A mask's -inf means "do not attend".
  const int64_t infinite = (name == "mask" ? tensor.isposinf() : tensor.isinf()).sum().item<int64_t>();
  if (nan + infinite > 0)
    warnings.push_back("tensor '" + name + "' is not finite: " + std::to_string(nan) + " NaN and " +
                       std::to_string(infinite) + " infinite values; computed all the same");
}

}  // namespace

const std::vector<std::string>& contract_tensors() {
  static const auto* names = new std::vector<std::string>{"q",
                                                          "k",
                                                          "v",
                                                          "text_q",
                                                          "text_k",
                                                          "text_v",
                                                          "gate_compress",
                                                          "mask",
                                                          "cu_seqlens_q",
                                                          "cu_seqlens_k",
                                                          "block_index",
                                                          "block_count",
                                                          "d_o",
                                                          "d_text_o"};
  return *names;
}

Tensors all_tensors(const Inputs& in) {
  Tensors all = in.others;
  for (const auto& [name, tensor] : {std::pair{"q", in.q}, {"k", in.k}, {"v", in.v}, {"text_q", in.text_q},
                                     {"text_k", in.text_k}, {"text_v", in.text_v}, {"d_o", in.d_o},
                                     {"d_text_o", in.d_text_o}})
    if (tensor.defined()) all.emplace(name, tensor);
  return all;
}

Inputs inputs_of(Tensors tensors) {
  Inputs in;
  in.q = taken(tensors, "q"), in.k = taken(tensors, "k"), in.v = taken(tensors, "v");
  in.text_q = taken(tensors, "text_q"), in.text_k = taken(tensors, "text_k"), in.text_v = taken(tensors, "text_v");
  in.d_o = taken(tensors, "d_o"), in.d_text_o = taken(tensors, "d_text_o");
  in.others = std::move(tensors);
  return in;
}

Result<Inputs> read_inputs(const std::string& path) {
  const Result<safetensors::Reader> reader = safetensors::Reader::open(path);
  if (!reader) return reader.status();
  Inputs in;
  for (const safetensors::Entry& entry : reader->entries()) {
    Result<at::Tensor> tensor = read_tensor(*reader, entry);
    if (!tensor) return tensor.status();
    note_non_finite(entry.name, *tensor, in.warnings);
    in.others.emplace(entry.name, std::move(*tensor));
  }
  std::vector<std::string> warnings = std::move(in.warnings);
  in = inputs_of(std::move(in.others));
  in.warnings = std::move(warnings);
  const Checker check(path);
  for (const auto part : {check_main, check_text, check_gradients, check_others})
    if (Status status = part(check, in); !status.ok()) return status;
  return in;
}

void convert(Inputs& in, at::ScalarType dtype, at::Device device) {
  for (at::Tensor* tensor : {&in.q, &in.k, &in.v, &in.text_q, &in.text_k, &in.text_v, &in.d_o, &in.d_text_o})
    if (tensor->defined()) *tensor = tensor->to(device, dtype);
  for (auto& [name, tensor] : in.others) tensor = name == kGate ? tensor.to(device, dtype) : tensor.to(device);
}

}  // namespace fvattn::host
