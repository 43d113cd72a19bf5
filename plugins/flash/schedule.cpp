#include "schedule.hpp"

namespace flash {

using namespace fvattn::plugin;
using fvattn::engine::KeyRange;

namespace {

template <class T>
void fill_row(const T* mask, int64_t stride, int length, std::uint32_t* words, KeyRange& range) {
  range = {length, 0};
  for (int key = 0; key < length; ++key) {
    if (mask[key * stride] == 0) continue;
    words[key / 32] |= std::uint32_t{1} << (key % 32);
    if (range.end == 0) range.first = key;
    range.end = key + 1;
  }
  if (range.end == 0) range.first = 0;
}

}  // namespace

KeyBits::KeyBits(const fvattn_problem& p, Workspace& workspace)
    : words(fvattn::engine::ceil_div(static_cast<int>(p.kv_len), 256) * 8) {
  valid = workspace.take<std::uint32_t>(p.batch * words);
  ranges = workspace.take<KeyRange>(p.batch);
}

void fill_key_bits(const fvattn_problem& p, const fvattn_tensor& mask, const KeyBits& bits) {
  std::memset(bits.valid, 0, sizeof(std::uint32_t) * static_cast<size_t>(p.batch * bits.words));
  const int length = static_cast<int>(p.kv_len);
  const int64_t stride = mask.strides[mask.ndim - 1];
  for (int64_t b = 0; b < p.batch; ++b) {
    const int64_t first = mask.ndim > 1 && mask.shape[0] > 1 ? b * mask.strides[0] : 0;
    std::uint32_t* words = bits.valid + b * bits.words;
    switch (mask.dtype_bits) {
      case 8: fill_row(data<const std::uint8_t>(mask) + first, stride, length, words, bits.ranges[b]); break;
      case 32: fill_row(data<const std::int32_t>(mask) + first, stride, length, words, bits.ranges[b]); break;
      default: fill_row(data<const std::int64_t>(mask) + first, stride, length, words, bits.ranges[b]); break;
    }
  }
}

const int* checked_sequences(const Call& call, const char* name, int64_t length) {
  const fvattn_tensor& t = call.in(name);
  const int64_t n = numel(t);
  if (t.ndim != 1 || n < 2)
    fail(FVATTN_INVALID_ARGUMENT, "%s has %lld values, one more than there are sequences is needed", name,
         static_cast<long long>(n));
  const int* cu = host_data<int>(t, name);
  for (int64_t s = 0; s + 1 < n; ++s)
    if (cu[s + 1] < cu[s])
      fail(FVATTN_INVALID_ARGUMENT, "%s falls from %d to %d at entry %lld; it must never fall", name, cu[s], cu[s + 1],
           static_cast<long long>(s + 1));
  if (cu[0] != 0 || cu[n - 1] != length)
    fail(FVATTN_INVALID_ARGUMENT, "%s goes from %d to %d; it must go from 0 to the %lld tokens of the tensor", name, cu[0],
         cu[n - 1], static_cast<long long>(length));
  return cu;
}

CpuSchedule::CpuSchedule(const Call& call, Workspace& workspace) : problem_(call.problem()) {
  if (is_varlen(problem_)) {
    cu_q_ = checked_sequences(call, "cu_seqlens_q", problem_.q_len);
    cu_k_ = checked_sequences(call, "cu_seqlens_k", problem_.kv_len);
    sequences_ = static_cast<int>(numel(call.in("cu_seqlens_q"))) - 1;
    if (numel(call.in("cu_seqlens_k")) != sequences_ + 1)
      fail(FVATTN_INVALID_ARGUMENT, "cu_seqlens_q names %d sequences, cu_seqlens_k %lld; both must name the same",
           sequences_, static_cast<long long>(numel(call.in("cu_seqlens_k"))) - 1);
  } else if (const fvattn_tensor* mask = call.find("mask")) {
    bits_ = KeyBits(problem_, workspace);
    fill_key_bits(problem_, *mask, bits_);
  }
}

}  // namespace flash
