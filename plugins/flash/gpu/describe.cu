// describe on a GPU: what it looks at is small, comes to the host, and is then read as on the CPU.
#include "dispatch.hpp"

#include <fvattn/plugin/gpu/device.cuh>

#include <algorithm>
#include <vector>

namespace flash::gpu {

using namespace fvattn::plugin;
using fvattn::plugin::gpu::stream_of;

namespace {

/// Bytes from the first element to behind the last; strides may be 0 or positive.
std::size_t span_bytes(const fvattn_tensor& t) {
  int64_t last = 0;
  for (int i = 0; i < t.ndim; ++i) last += std::max<int64_t>(t.shape[i] - 1, 0) * t.strides[i];
  return static_cast<std::size_t>(last + 1) * t.dtype_bits / 8;
}

}  // namespace

void describe(const Call& call, void (*on_host)(const Call&)) {
  const fvattn_call& from = call.c();
  std::vector<fvattn_arg> in(from.in, from.in + from.n_in);
  std::vector<std::vector<char>> copies;
  for (fvattn_arg& arg : in) {
    const std::string_view name = view(arg.name);
    if (arg.t.device_type == FVATTN_CPU || (name != "mask" && name != "cu_seqlens_q" && name != "cu_seqlens_k")) continue;
    std::vector<char>& copy = copies.emplace_back(span_bytes(arg.t));
    check(cudaMemcpyAsync(copy.data(), data<>(arg.t), copy.size(), cudaMemcpyDeviceToHost, stream_of(call)), "describe");
    arg.t.data = copy.data();
    arg.t.byte_offset = 0;
    arg.t.device_type = FVATTN_CPU;
    arg.t.device_id = 0;
  }
  check(cudaStreamSynchronize(stream_of(call)), "describe");
  fvattn_call host = from;
  host.in = in.data();
  on_host(Call(host));
}

}  // namespace flash::gpu
