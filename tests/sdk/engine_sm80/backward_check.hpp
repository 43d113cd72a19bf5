// A backward call against float64.
#pragma once

#include "cases.hpp"
#include "device_array.hpp"
#include "instances.hpp"
#include "reference.hpp"

#include <initializer_list>
#include <memory>
#include <string>

namespace fvattn::engine::sm80::test {

/// What a backward call reads: random inputs, and o and lse of the reference as a forward pass would have left them.
struct BackwardInputs {
  BackwardInputs(const Case& c, const Visible& visible)
      : q(c.type, c.q_shape(), c.layout), k(c.type, c.kv_shape(), (c.layout + 1) % 3), v(c.type, c.kv_shape(), c.layout),
        o(c.type, c.q_shape(), (c.layout + 2) % 3), d_o(c.type, c.q_shape(), (c.layout + 1) % 3) {
    q.randomize(c.deviation);
    k.randomize(c.deviation);
    v.randomize(c.deviation);
    d_o.randomize(1.0f);
    expected = reference_attention(c.q_shape(), q.values(), c.kv_shape(), k.values(), v.values(), d_o.values(), c.scale,
                                   visible);
    o.assign(std::vector<float>(expected.o.begin(), expected.o.end()));
    lse = std::make_unique<DeviceArray<float>>(std::vector<float>(expected.lse.begin(), expected.lse.end()));
  }

  TestTensor q, k, v, o, d_o;
  std::unique_ptr<DeviceArray<float>> lse;
  Reference expected;
};

/// Gradients take a few roundings more than outputs.
inline double gradient_tolerance(Type type) { return 2 * tolerance(type); }

template <class Bytes, class Run>
void run_once(BackwardArgs args, const Bytes& bytes, const Run& run) {
  DeviceArray<unsigned char> workspace(bytes(args));
  args.workspace = workspace.data();
  REQUIRE(std::string(cudaGetErrorString(run(args))) == cudaGetErrorString(cudaSuccess));
  REQUIRE(std::string(cudaGetErrorString(cudaDeviceSynchronize())) == cudaGetErrorString(cudaSuccess));
  workspace.download();
}

/// `modes`: the values of BackwardArgs::deterministic to run with.
template <class Bytes, class Run>
void check_backward(const Case& c, const Visible& visible, const Bytes& bytes, const Run& run,
                    std::initializer_list<bool> modes = {true, false}) {
  CAPTURE(c.text());
  const BackwardInputs in(c, visible);
  TestTensor d_q(c.type, c.q_shape(), c.layout), d_k(c.type, c.kv_shape(), (c.layout + 1) % 3);
  TestTensor d_v(c.type, c.kv_shape(), (c.layout + 2) % 3);
  BackwardArgs args;
  args.q = in.q.view(), args.k = in.k.view(), args.v = in.v.view(), args.o = in.o.view(), args.d_o = in.d_o.view();
  args.lse = {in.lse->data(), std::int64_t(c.q_heads) * c.q_len, c.q_len};
  args.d_q = d_q.mutable_view(), args.d_k = d_k.mutable_view(), args.d_v = d_v.mutable_view();
  args.batch = args.stored_batch = c.batch;
  args.q_rows = c.q_len, args.q_heads = c.q_heads, args.kv_heads = c.kv_heads, args.head_dim = c.head_dim;
  args.scale = c.scale;

  for (const bool deterministic : modes) {
    CAPTURE(deterministic);
    args.deterministic = deterministic;
    std::vector<std::uint16_t> first[3];
    for (int repeat = 0; repeat < (kEmulated ? 1 : 2); ++repeat) {
      TestTensor* const outputs[3] = {&d_q, &d_k, &d_v};
      for (TestTensor* tensor : outputs) tensor->poison();
      run_once(args, bytes, run);
      for (int i = 0; i < 3; ++i) {
        outputs[i]->download();
        if (repeat == 0) first[i] = outputs[i]->bits();
        else if (deterministic || i > 0) CHECK(outputs[i]->bits() == first[i]);
      }
      const double tolerance = gradient_tolerance(c.type);
      check_close(d_v.values(), in.expected.d_v, tolerance);
      check_close(d_k.values(), in.expected.d_k, tolerance, in.expected.d_k_noise);
      check_close(d_q.values(), in.expected.d_q, tolerance, in.expected.d_q_noise);
    }
  }
}

template <class Config, class Policy>
void check_backward_with(const Case& c, const Visible& visible, const Policy& policy) {
  check_backward(
      c, visible, [&](const BackwardArgs& args) { return backward_bytes<Config>(c.type, args, policy); },
      [&](const BackwardArgs& args) { return run_backward<Config>(c.type, args, policy); });
}

}  // namespace fvattn::engine::sm80::test
