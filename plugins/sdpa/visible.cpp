#include "visible.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_not.h>

#include <limits>

namespace fvattn::sdpa {
namespace {

const double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor make(const fvattn_tensor& t, at::IntArrayRef sizes, at::IntArrayRef strides) {
  const at::Device device =
      t.device_type == FVATTN_CUDA ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(t.device_id)) : at::Device(at::kCPU);
  return at::for_blob(plugin::data(t), sizes)
      .strides(strides)
      .options(at::TensorOptions().dtype(scalar_type(t)).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace

at::ScalarType scalar_type(const fvattn_tensor& t) {
  const plugin::Dtype dtype = plugin::dtype(t);
  if (dtype == plugin::kF32) return at::kFloat;
  if (dtype == plugin::kBF16) return at::kBFloat16;
  if (dtype == plugin::kF16) return at::kHalf;
  if (dtype == plugin::kF64) return at::kDouble;
  if (dtype == plugin::kBool) return at::kBool;
  if (dtype == plugin::kU8) return at::kByte;
  if (dtype == plugin::kI32) return at::kInt;
  if (dtype == plugin::kI64) return at::kLong;
  plugin::fail(FVATTN_INTERNAL, "torch has no %s", plugin::to_string(dtype).c_str());
}

at::Tensor wrap(const fvattn_tensor& t) {
  const auto n = static_cast<size_t>(t.ndim);
  return make(t, {t.shape, n}, {t.strides, n});
}

at::Tensor wrap_heads_first(const fvattn_tensor& t) {
  const int64_t sizes[] = {t.shape[0], t.shape[2], t.shape[1], t.shape[3]};
  const int64_t strides[] = {t.strides[0], t.strides[2], t.strides[1], t.strides[3]};
  return make(t, sizes, strides);
}

std::string mask_trouble(const fvattn_spec& mask, const fvattn_problem& p) {
  const auto fits = [](int64_t length, int64_t wanted) { return length == wanted || length == 1; };
  if (mask.ndim < 1 || mask.ndim > 4) return "1 to 4 dimensions are accepted: [Sk], [B, Sk], [B, Sq, Sk], [B, H, Sq, Sk]";
  const int64_t* dim = mask.dim;
  const int32_t n = mask.ndim;
  if (dim[n - 1] != p.kv_len) return "its last dimension must be the number of keys, " + std::to_string(p.kv_len);
  if (n >= 2 && !fits(dim[0], p.batch)) return "its first dimension must be the batch, " + std::to_string(p.batch);
  if (n >= 3 && !fits(dim[n - 2], p.q_len))
    return "its last but one dimension must be the number of queries, " + std::to_string(p.q_len);
  if (n == 4 && !fits(dim[1], p.heads) && dim[1] != p.heads_global)
    return "its second dimension must be the number of heads, " + std::to_string(p.heads) + ", or 1";
  return {};
}

at::Tensor four_dimensional(const at::Tensor& mask, const fvattn_problem& p, at::ScalarType dtype) {
  if (!mask.defined()) return mask;
  at::Tensor m = mask.dim() == 1 ? mask.unsqueeze(0) : mask;
  if (m.dim() == 2) m = m.unsqueeze(1);
  if (m.dim() == 3) m = m.unsqueeze(1);
  if (m.size(1) != 1 && m.size(1) != p.heads) m = m.narrow(1, p.head_offset, p.heads);
  if (m.scalar_type() == at::kBool) return m;
  return at::isFloatingType(m.scalar_type()) ? m.to(dtype) : m.ne(0);
}

at::Tensor causal_rows(const fvattn_problem& p, int64_t lo, int64_t hi, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const int64_t shift = p.kv_len - p.q_len;
  return at::arange(p.kv_len, options).unsqueeze(0).le(at::arange(lo + shift, hi + shift, options).unsqueeze(1));
}

Visible visible(const fvattn_problem& p, const at::Tensor& mask, const at::Tensor& q) {
  Visible v;
  const bool causal = (p.flags & FVATTN_PROBLEM_CAUSAL) != 0;
  if (!mask.defined()) {
    if (!causal || p.q_len == 1) return v;  // one query sees all keys
    v.first_row = std::max<int64_t>(p.q_len - p.kv_len, 0);
    v.torch_causal = p.kv_len <= p.q_len;
    if (!v.torch_causal) v.mask = causal_rows(p, 0, p.q_len, q.device());
    return v;
  }
  v.mask = four_dimensional(mask, p, q.scalar_type());
  const at::Tensor seen = causal ? causal_rows(p, 0, p.q_len, q.device()) : at::Tensor();
  if (v.mask.scalar_type() == at::kBool) {
    if (causal) v.mask = at::logical_and(v.mask, seen);
    v.blind = at::logical_not(v.mask.any(-1, true));
    v.mask = v.mask.logical_or(v.blind);
  } else {
    if (causal) v.mask = v.mask.masked_fill(at::logical_not(seen), kMinusInfinity);
    v.blind = v.mask.detach().eq(kMinusInfinity).all(-1, true);
    v.mask = v.mask.masked_fill(v.blind, 0);
  }
  return v;
}

}  // namespace fvattn::sdpa
