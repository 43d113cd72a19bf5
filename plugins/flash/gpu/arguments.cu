#include "arguments.cuh"

#include "key_bits.cuh"

#include <fvattn/plugin/cuda.hpp>

namespace flash::gpu {

using namespace fvattn::plugin;

namespace {

/// cu_seqlens stay on the device: their values are the caller's word, since looking would synchronise.
const int* device_sequences(const Call& call, const char* name) {
  const fvattn_tensor& t = call.in(name);
  if (t.device_type != FVATTN_CUDA)
    fail(FVATTN_INVALID_ARGUMENT, "%s is in host memory; on a GPU it must be on the device of q", name);
  if (t.ndim != 1 || numel(t) < 2 || t.strides[0] != 1)
    fail(FVATTN_INVALID_ARGUMENT, "%s has %lld values, a contiguous list with one more than there are sequences is needed",
         name, static_cast<long long>(numel(t)));
  return data<const int>(t);
}

}  // namespace

GpuSchedule make_schedule(const Call& call, Workspace& workspace) {
  const fvattn_problem& p = call.problem();
  GpuSchedule schedule;
  schedule.causal = is_causal(p);
  schedule.q_len = static_cast<int>(p.q_len);
  schedule.kv_len = static_cast<int>(p.kv_len);
  if (is_varlen(p)) {
    schedule.cu_q = device_sequences(call, "cu_seqlens_q");
    schedule.cu_k = device_sequences(call, "cu_seqlens_k");
    schedule.sequences = static_cast<int>(numel(call.in("cu_seqlens_q"))) - 1;
    if (numel(call.in("cu_seqlens_k")) != schedule.sequences + 1)
      fail(FVATTN_INVALID_ARGUMENT, "cu_seqlens_q names %d sequences, cu_seqlens_k %lld; both must name the same",
           schedule.sequences, static_cast<long long>(numel(call.in("cu_seqlens_k"))) - 1);
  } else if (const fvattn_tensor* mask = call.find("mask")) {
    if (mask->device_type != FVATTN_CUDA)
      fail(FVATTN_INVALID_ARGUMENT, "the mask is in host memory; on a GPU it must be on the device of q");
    schedule.bits = KeyBits(p, workspace);
    check(fill_key_bits(p, *mask, schedule.bits, static_cast<cudaStream_t>(call.stream())), "key-padding bits");
  }
  return schedule;
}

}  // namespace flash::gpu
