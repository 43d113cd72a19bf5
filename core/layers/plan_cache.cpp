#include "plan_cache.hpp"

#include <algorithm>
#include <cstring>

namespace fvattn {
namespace {

bool equal_tensors(const TensorValue& a, const TensorValue& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const fvattn_tensor &x = a.view(), &y = b.view();
  if (x.dtype_code != y.dtype_code || x.dtype_bits != y.dtype_bits || a.shape() != b.shape()) return false;
  const bool same_strides = std::equal(x.strides, x.strides + x.ndim, y.strides, y.strides + y.ndim);
  if (x.data == y.data && x.byte_offset == y.byte_offset && x.device_type == y.device_type && same_strides) return true;
  if (x.device_type != FVATTN_CPU || y.device_type != FVATTN_CPU) return false;
  int64_t elements = 1;
  for (int32_t i = x.ndim; i-- > 0; elements *= x.shape[i])
    if (x.shape[i] > 1 && (x.strides[i] != elements || y.strides[i] != elements))
      return false;  // not contiguous: plan again
  const auto bytes = static_cast<size_t>(elements) * (x.dtype_bits / 8);
  return std::memcmp(static_cast<const char*>(x.data) + x.byte_offset, static_cast<const char*>(y.data) + y.byte_offset,
                     bytes) == 0;
}

bool equal_values(const Value& a, const Value& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&]<class T>(const T& left) {
        const T& right = std::get<T>(b);
        if constexpr (std::is_same_v<T, TensorValue>) return equal_tensors(left, right);
        else return left == right;
      },
      a);
}

bool fits(const Prepared& entry, const AttentionBackend& backend, const Device& device, const Problem& problem,
          const AttentionMetadata* metadata) {
  return &entry.backend == &backend && &entry.device == &device && entry.problem == problem &&
         same_plan(entry.planned_with.get(), metadata);
}

}  // namespace

bool same_plan(const AttentionMetadata* a, const AttentionMetadata* b) {
  if (a == b) return true;
  if (a == nullptr || b == nullptr) return false;
  const Schema& schema = a->backend().metadata_schema();
  const auto counts = [&](const std::string& name) {
    const SchemaKey* key = schema.find(name);
    return key == nullptr || (key->flags & FVATTN_KEY_PER_STEP) == 0;
  };
  const KeyValues &x = a->values(), &y = b->values();
  const auto covered = [&](const KeyValues& from, const KeyValues& in) {
    return std::all_of(from.begin(), from.end(), [&](const auto& entry) {
      if (!counts(entry.first)) return true;
      const auto found = in.find(entry.first);
      return found != in.end() && equal_values(entry.second, found->second);
    });
  };
  return covered(x, y) && covered(y, x);
}

std::shared_ptr<const Prepared> PlanCache::find(const AttentionBackend& backend, const Device& device,
                                                const Problem& problem, const AttentionMetadata* metadata) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return fits(*entry, backend, device, problem, metadata); });
  if (found == entries_.end()) return nullptr;
  std::rotate(entries_.begin(), found, std::next(found));
  return entries_.front();
}

void PlanCache::insert(std::shared_ptr<const Prepared> prepared) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMost) entries_.pop_back();
  entries_.insert(entries_.begin(), std::move(prepared));
}

}  // namespace fvattn
