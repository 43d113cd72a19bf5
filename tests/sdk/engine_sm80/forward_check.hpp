// A forward call against float64.
#pragma once

#include "cases.hpp"
#include "device_array.hpp"
#include "instances.hpp"
#include "reference.hpp"

#include <cmath>
#include <string>

namespace fvattn::engine::sm80::test {

/// Random inputs, a run checked against float64, and a second run that must have the same bits.
template <class Run>
void check_forward(const Case& c, const Visible& visible, const Run& run) {
  CAPTURE(c.text());
  TestTensor q(c.type, c.q_shape(), c.layout);
  TestTensor k(c.type, c.kv_shape(), (c.layout + 1) % 3);
  TestTensor v(c.type, c.kv_shape(), (c.layout + 2) % 3);
  TestTensor o(c.type, q.shape(), c.layout);
  DeviceArray<float> lse(static_cast<std::size_t>(c.batch) * c.q_heads * c.q_len);
  q.randomize(c.deviation);
  k.randomize(c.deviation);
  v.randomize(1.0f);
  const Reference expected = reference_attention(q.shape(), q.values(), k.shape(), k.values(), v.values(), {}, c.scale, visible);

  ForwardArgs args{q.view(), k.view(), v.view(), o.mutable_view(), {lse.data(), std::int64_t(c.q_heads) * c.q_len, c.q_len},
                   c.batch, c.q_heads, c.kv_heads, c.head_dim, c.scale};
  const auto launch_and_wait = [&] {
    o.poison();
    lse.poison();
    REQUIRE(std::string(cudaGetErrorString(run(args))) == cudaGetErrorString(cudaSuccess));
    REQUIRE(std::string(cudaGetErrorString(cudaDeviceSynchronize())) == cudaGetErrorString(cudaSuccess));
    o.download();
  };
  launch_and_wait();
  const std::vector<std::uint16_t> first = o.bits();
  const std::vector<float> first_lse = lse.download();
  // Extreme logits carry the rounding of float32 sums into the exponent.
  check_close(o.values(), expected.o, tolerance(c.type) * (c.deviation > 1 ? 4 : 1));
  check_lse(first_lse, expected.lse, 2e-7 * c.head_dim * c.deviation * c.deviation * std::fabs(c.scale));
  if (kEmulated) return;
  launch_and_wait();
  CHECK(o.bits() == first);
  CHECK(lse.download() == first_lse);
}

template <class Config, class Policy>
void check_forward_with(const Case& c, const Visible& visible, const Policy& policy) {
  check_forward(c, visible, [&](const ForwardArgs& args) { return run_forward<Config>(c.type, args, policy); });
}

}  // namespace fvattn::engine::sm80::test
