#include "cases.hpp"
#include "device_array.hpp"
#include "instances.hpp"
#include "policy_lists.hpp"
#include "reference.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <string>

namespace fvattn::engine::sm80::test {

namespace {

struct BackwardCase {
  Type type = Type::bfloat16;
  int batch = 1, q_len = 1, kv_len = 1, q_heads = 1, kv_heads = 1, head_dim = 64;
  float scale = 0.125f, deviation = 1.0f;
  int layout = 0;

  std::string text() const {
    return "B " + std::to_string(batch) + " Sq " + std::to_string(q_len) + " Sk " + std::to_string(kv_len) + " H " +
           std::to_string(q_heads) + "/" + std::to_string(kv_heads) + " D " + std::to_string(head_dim) + " scale " +
           std::to_string(scale) + " deviation " + std::to_string(deviation) + " layout " + std::to_string(layout) +
           (type == Type::bfloat16 ? " bf16" : " fp16");
  }
  Shape q_shape() const { return {batch, q_len, q_heads, head_dim}; }
  Shape kv_shape() const { return {batch, kv_len, kv_heads, head_dim}; }
};

/// What a backward call reads: random inputs, and o and lse of the reference as a forward pass would have left them.
struct BackwardInputs {
  BackwardInputs(const BackwardCase& c, const Visible& visible)
      : q(c.type, c.q_shape(), c.layout), k(c.type, c.kv_shape(), (c.layout + 1) % 3), v(c.type, c.kv_shape(), c.layout),
        o(c.type, c.q_shape(), (c.layout + 2) % 3), d_o(c.type, c.q_shape(), (c.layout + 1) % 3) {
    q.randomize(c.deviation);
    k.randomize(c.deviation);
    v.randomize(c.deviation);
    d_o.randomize(1.0f);
    expected = reference_attention(c.q_shape(), q.values(), c.kv_shape(), k.values(), v.values(), d_o.values(), c.scale, visible);
    o.assign(std::vector<float>(expected.o.begin(), expected.o.end()));
    lse = std::make_unique<DeviceArray<float>>(std::vector<float>(expected.lse.begin(), expected.lse.end()));
  }

  TestTensor q, k, v, o, d_o;
  std::unique_ptr<DeviceArray<float>> lse;
  Reference expected;
};

/// Gradients take a few roundings more than outputs.
double gradient_tolerance(Type type) { return 2 * tolerance(type); }

template <class Bytes, class Run>
void run_once(BackwardArgs args, const Bytes& bytes, const Run& run) {
  DeviceArray<unsigned char> workspace(bytes(args));
  args.workspace = workspace.data();
  REQUIRE(std::string(cudaGetErrorString(run(args))) == cudaGetErrorString(cudaSuccess));
  REQUIRE(std::string(cudaGetErrorString(cudaDeviceSynchronize())) == cudaGetErrorString(cudaSuccess));
  workspace.download();
}

template <class Bytes, class Run>
void check_backward(const BackwardCase& c, const Visible& visible, const Bytes& bytes, const Run& run) {
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

  for (const bool deterministic : {true, false}) {
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
      check_close(d_k.values(), in.expected.d_k, tolerance);
      check_close(d_q.values(), in.expected.d_q, tolerance);
    }
  }
}

template <class Config, class Policy>
void check_with(const BackwardCase& c, const Visible& visible, const Policy& policy) {
  check_backward(
      c, visible, [&](const BackwardArgs& args) { return backward_bytes<Config>(c.type, args, policy); },
      [&](const BackwardArgs& args) { return run_backward<Config>(c.type, args, policy); });
}

template <class Policy>
void check_dense_as(const BackwardCase& c, const Visible& visible, const Policy& policy) {
  switch (padded_head_dim(c.head_dim)) {
    case 32: return check_with<DenseBackward<32>>(c, visible, policy);
    case 64: return check_with<DenseBackward<64>>(c, visible, policy);
    case 96: return check_with<DenseBackward<96>>(c, visible, policy);
    case 128: return check_with<DenseBackward<128>>(c, visible, policy);
    case 192: return check_with<DenseBackward<192>>(c, visible, policy);
    default: return check_with<DenseBackward<256>>(c, visible, policy);
  }
}

void check_dense(const BackwardCase& c, bool causal) {
  CAPTURE(causal);
  const Visible visible = [&](int, int, int i, int j) { return !causal || j <= i + c.kv_len - c.q_len; };
  if (causal) check_dense_as(c, visible, DensePolicy<true>{{c.q_len}, {c.kv_len}});
  else check_dense_as(c, visible, DensePolicy<false>{{c.q_len}, {c.kv_len}});
}

template <class Policy>
void check_blocks(const BackwardCase& c, const Visible& visible, const Policy& policy) {
  if (c.head_dim > 64) check_with<Block64Backward<128>>(c, visible, policy);
  else check_with<Block64Backward<64>>(c, visible, policy);
}

BackwardCase random_case(int head_dim) {
  BackwardCase c;
  c.type = random_int(0, 1) == 0 ? Type::bfloat16 : Type::float16;
  c.batch = random_int(1, 2);
  // A single key has a gradient of exactly zero, where rounding has no relative size.
  c.q_len = random_int(1, kEmulated ? 150 : 300);
  c.kv_len = random_int(2, kEmulated ? 200 : 300);
  c.kv_heads = kEmulated ? 1 : random_int(1, 3);
  c.q_heads = c.kv_heads * random_int(1, 3);
  c.head_dim = head_dim;
  c.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  c.layout = random_int(0, 2);
  return c;
}

}  // namespace

TEST_CASE("backward, dense: every head dim, random lengths, GQA, causal, strides") {
  for (int head_dim = 8; head_dim <= 256; head_dim += 8) {
    if (kEmulated && head_dim % 64 != 0 && head_dim != 24 && head_dim != 80) continue;
    for (const bool causal : {false, true}) {
      for (int i = 0; i < (kEmulated ? 1 : 3); ++i) check_dense(random_case(head_dim), causal);
    }
  }
}

TEST_CASE("backward, causal with more queries than keys: rows without keys have no gradient") {
  BackwardCase c = random_case(128);
  c.q_len = 290;
  c.kv_len = 37;
  check_dense(c, true);
}

TEST_CASE("backward, larger inputs and a negative scale") {
  for (const float deviation : {2.0f, 4.0f}) {
    BackwardCase c = random_case(64);
    c.deviation = deviation;
    check_dense(c, false);
    c.scale = -c.scale;
    check_dense(c, true);
  }
}

TEST_CASE("backward, boxes of a raster grid with text behind it") {
  for (int i = 0; i < (kEmulated ? 1 : 4); ++i) {
    const Extent3 grid{random_int(1, 5), random_int(1, 9), random_int(1, kEmulated ? 5 : 9)}, box{4, 4, 4};
    const int text = i % 2 == 0 ? random_int(1, 90) : 0;
    BackwardCase c = random_case(i % 2 == 0 ? 128 : 64);
    c.q_len = c.kv_len = grid.volume() + text;
    if (c.q_len < 2) continue;
    check_blocks(c, [](int, int, int, int) { return true; }, BoxPolicy{{grid, box, text}, {grid, box, text}});
  }
}

TEST_CASE("backward, lists of key blocks, some empty") {
  for (int i = 0; i < (kEmulated ? 2 : 6); ++i) {
    BackwardCase c = random_case(i % 2 == 0 ? 128 : 64);
    using T = TileShape<64, 64>;
    const RandomLists lists = RandomLists::make<T>(c.q_heads, c.q_len, c.kv_len);
    const PolicyPairs<T> pairs(lists.host(), c.batch, c.q_heads, c.q_len, c.kv_len);
    check_blocks(c, std::cref(pairs), lists.device());
  }
}

TEST_CASE("backward, gathered query rows: partial d_q sum to the whole") {
  for (int i = 0; i < (kEmulated ? 1 : 4); ++i) {
    BackwardCase c = random_case(i % 2 == 0 ? 128 : 64);
    c.batch = 1;
    c.kv_heads = c.q_heads;
    CAPTURE(c.text());
    using T = TileShape<64, 64>;
    const RandomGather gather = RandomGather::make<T>(c.q_heads, c.q_len, c.kv_len, 128);
    const PolicyPairs<T> pairs(gather.host(), 1, c.q_heads, c.q_len, c.kv_len);
    const BackwardInputs in(c, std::cref(pairs));
    const int partial_rows = gather.tiles() * T::kTileQ;
    TestTensor partial(c.type, {1, partial_rows, c.q_heads, c.head_dim}, 0), d_k(c.type, c.kv_shape(), 0), d_v(c.type, c.kv_shape(), 1);
    BackwardArgs args;
    args.q = in.q.view(), args.k = in.k.view(), args.v = in.v.view(), args.o = in.o.view(), args.d_o = in.d_o.view();
    args.lse = {in.lse->data(), 0, c.q_len};
    args.d_q = partial.mutable_view(), args.d_k = d_k.mutable_view(), args.d_v = d_v.mutable_view();
    args.q_rows = c.q_len, args.q_heads = args.kv_heads = c.q_heads, args.head_dim = c.head_dim, args.scale = c.scale;
    for (const bool deterministic : {true, false}) {
      CAPTURE(deterministic);
      args.deterministic = deterministic;
      partial.assign(std::vector<float>(partial.shape().size(), 0.0f));
      const auto device = gather.device();
      if (c.head_dim > 64) {
        run_once(args, [&](const auto& a) { return backward_bytes<Block64Backward<128>>(c.type, a, device); },
                 [&](const auto& a) { return run_backward<Block64Backward<128>>(c.type, a, device); });
      } else {
        run_once(args, [&](const auto& a) { return backward_bytes<Block64Backward<64>>(c.type, a, device); },
                 [&](const auto& a) { return run_backward<Block64Backward<64>>(c.type, a, device); });
      }
      partial.download();
      d_k.download();
      d_v.download();
      std::vector<float> d_q(c.q_shape().size(), 0.0f);
      for (int h = 0; h < c.q_heads; ++h) {
        for (int r = 0; r < partial_rows; ++r) {
          const int row = gather.rows()[static_cast<std::size_t>(h * partial_rows + r)];
          for (int d = 0; row >= 0 && d < c.head_dim; ++d) {
            d_q[c.q_shape().index(0, row, h, d)] += partial.values()[partial.shape().index(0, r, h, d)];
          }
        }
      }
      check_close(d_q, in.expected.d_q, gradient_tolerance(c.type));
      check_close(d_k.values(), in.expected.d_k, gradient_tolerance(c.type));
      check_close(d_v.values(), in.expected.d_v, gradient_tolerance(c.type));
    }
  }
}

}  // namespace fvattn::engine::sm80::test
