#include "cases.hpp"
#include "device_array.hpp"
#include "instances.hpp"
#include "policy_lists.hpp"
#include "reference.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace fvattn::engine::sm80::test {

namespace {

struct ForwardCase {
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
};

/// Random inputs, a run checked against float64, and a second run that must have the same bits.
template <class Run>
void check_forward(const ForwardCase& c, const Visible& visible, const Run& run) {
  CAPTURE(c.text());
  TestTensor q(c.type, {c.batch, c.q_len, c.q_heads, c.head_dim}, c.layout);
  TestTensor k(c.type, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, (c.layout + 1) % 3);
  TestTensor v(c.type, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, (c.layout + 2) % 3);
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

template <class Policy>
cudaError_t run_dense(Type type, const ForwardArgs& args, const Policy& policy) {
  switch (padded_head_dim(args.head_dim)) {
    case 32: return run_forward<DenseForward<32>>(type, args, policy);
    case 64: return run_forward<DenseForward<64>>(type, args, policy);
    case 96: return run_forward<DenseForward<96>>(type, args, policy);
    case 128: return run_forward<DenseForward<128>>(type, args, policy);
    case 192: return run_forward<DenseForward<192>>(type, args, policy);
    default: return run_forward<DenseForward<256>>(type, args, policy);
  }
}

void check_dense(const ForwardCase& c, bool causal) {
  CAPTURE(causal);
  const Visible visible = [&](int, int, int i, int j) { return !causal || j <= i + c.kv_len - c.q_len; };
  check_forward(c, visible, [&](const ForwardArgs& args) {
    return causal ? run_dense(c.type, args, DensePolicy<true>{{c.q_len}, {c.kv_len}})
                  : run_dense(c.type, args, DensePolicy<false>{{c.q_len}, {c.kv_len}});
  });
}

ForwardCase random_case(int head_dim) {
  ForwardCase c;
  c.type = random_int(0, 1) == 0 ? Type::bfloat16 : Type::float16;
  c.batch = random_int(1, 2);
  c.q_len = random_int(1, kEmulated ? 150 : 300);
  c.kv_len = random_int(1, kEmulated ? 200 : 300);
  c.kv_heads = kEmulated ? 1 : random_int(1, 3);
  c.q_heads = c.kv_heads * random_int(1, 3);
  c.head_dim = head_dim;
  c.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  c.layout = random_int(0, 2);
  return c;
}

}  // namespace

TEST_CASE("forward, dense: every head dim, random lengths, GQA, causal, strides") {
  for (int head_dim = 8; head_dim <= 256; head_dim += 8) {
    if (kEmulated && head_dim % 64 != 0 && head_dim != 40 && head_dim != 80 && head_dim != 96) continue;
    for (const bool causal : {false, true}) {
      for (int i = 0; i < (kEmulated ? 1 : 4); ++i) check_dense(random_case(head_dim), causal);
    }
  }
}

TEST_CASE("forward, dense: every length up to 300") {
  for (int length = 1; length <= 300; length += kEmulated ? 67 : 1) {
    ForwardCase c = random_case(length % 2 == 0 ? 64 : 128);
    c.batch = c.q_heads = c.kv_heads = 1;
    c.q_len = length % 3 == 0 ? 1 : length;
    c.kv_len = length % 3 == 1 ? random_int(1, 5) : length;
    check_dense(c, length % 5 == 0);
  }
}

TEST_CASE("forward, dense: extreme logits, scales of every sign") {
  for (const float scale : {0.125f, -0.125f, 0.0f, -1.0f}) {
    ForwardCase c = random_case(64);
    c.scale = scale;
    check_dense(c, false);
    c.deviation = 30.0f;
    check_dense(c, true);
  }
}

TEST_CASE("forward, causal with more queries than keys: the first rows see nothing") {
  ForwardCase c = random_case(128);
  c.q_len = 290;
  c.kv_len = 37;
  check_dense(c, true);
  c.kv_len = 1;
  check_dense(c, true);
}

TEST_CASE("forward, boxes of a raster grid with text behind it") {
  for (int i = 0; i < (kEmulated ? 1 : 6); ++i) {
    const Extent3 grid{random_int(1, 5), random_int(1, 11), random_int(1, kEmulated ? 5 : 13)};
    const int text = i % 2 == 0 ? random_int(1, 90) : 0;
    ForwardCase c = random_case(i % 2 == 0 ? 128 : 64);
    c.q_len = c.kv_len = grid.volume() + text;
    const Extent3 large{2, 8, 8}, small{4, 4, 4};
    const BoxPolicy policy{{grid, large, text}, {grid, c.head_dim == 64 ? large : small, text}};
    const Visible all = [](int, int, int, int) { return true; };
    check_forward(c, all, [&](const ForwardArgs& args) {
      return c.head_dim == 64 ? run_forward<DenseForward<64>>(c.type, args, policy)
                              : run_forward<DenseForward<128>>(c.type, args, policy);
    });
  }
}

TEST_CASE("forward, lists of key blocks, some empty") {
  for (int i = 0; i < (kEmulated ? 2 : 8); ++i) {
    ForwardCase c = random_case(i % 2 == 0 ? 128 : 64);
    if (i % 4 == 3) c.head_dim -= 24;
    using T = TileShape<64, 64>;
    const RandomLists lists = RandomLists::make<T>(c.q_heads, c.q_len, c.kv_len);
    const PolicyPairs<T> pairs(lists.host(), c.batch, c.q_heads, c.q_len, c.kv_len);
    check_forward(c, std::cref(pairs), [&](const ForwardArgs& args) {
      return c.head_dim > 64 ? run_forward<Block64Forward<128>>(c.type, args, lists.device())
                             : run_forward<Block64Forward<64>>(c.type, args, lists.device());
    });
  }
}

TEST_CASE("forward, gathered query rows with partial results") {
  for (int i = 0; i < (kEmulated ? 1 : 4); ++i) {
    const Type type = i % 2 == 0 ? Type::bfloat16 : Type::float16;
    const int head_dim = i % 4 < 2 ? 128 : 64;
    const int q_len = random_int(1, 200), kv_len = random_int(1, 300), heads = 2;
    using T = DenseForward<128>::Shape;
    static_assert(T::kTileQ == DenseForward<64>::Shape::kTileQ);
    const RandomGather gather = RandomGather::make<T>(heads, q_len, kv_len, 128);
    const int partial_rows = gather.tiles() * T::kTileQ;

    TestTensor q(type, {1, q_len, heads, head_dim}, 1), k(type, {1, kv_len, heads, head_dim}, 0);
    TestTensor v(type, k.shape(), 2);
    q.randomize(1.0f);
    k.randomize(1.0f);
    v.randomize(1.0f);
    // The partial rows as a problem of their own: row r is query row rows[r] and sees its chunk. Rows without a query
    // must stay unwritten, so the output starts as 42.
    const Shape shape{1, partial_rows, heads, head_dim};
    std::vector<float> gathered(shape.size(), 0.0f);
    for (int h = 0; h < heads; ++h) {
      for (int r = 0; r < partial_rows; ++r) {
        const int row = gather.rows()[static_cast<std::size_t>(h * partial_rows + r)];
        for (int d = 0; row >= 0 && d < head_dim; ++d) gathered[shape.index(0, r, h, d)] = q.values()[q.shape().index(0, row, h, d)];
      }
    }
    const GatherPolicy policy = gather.host();
    const Visible visible = [&](int, int h, int r, int j) {
      return gather.rows()[static_cast<std::size_t>(h * partial_rows + r)] >= 0 &&
             r / T::kTileQ / policy.tiles_per_chunk == j / policy.chunk_keys;
    };
    const float scale = 0.1f;
    Reference expected = reference_attention(shape, gathered, k.shape(), k.values(), v.values(), {}, scale, visible);
    TestTensor o(type, shape, 1);
    o.assign(std::vector<float>(shape.size(), 42.0f));
    DeviceArray<float> lse(std::vector<float>(static_cast<std::size_t>(heads * partial_rows), 42.0f));
    const ForwardArgs args{q.view(), k.view(), v.view(), o.mutable_view(), {lse.data(), 0, partial_rows}, 1, heads, heads,
                           head_dim, scale};
    REQUIRE((head_dim == 64 ? run_forward<DenseForward<64>>(type, args, gather.device())
                            : run_forward<DenseForward<128>>(type, args, gather.device())) == cudaSuccess);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    o.download();
    for (int h = 0; h < heads; ++h) {
      for (int r = 0; r < partial_rows; ++r) {
        if (gather.rows()[static_cast<std::size_t>(h * partial_rows + r)] >= 0) continue;
        expected.lse[static_cast<std::size_t>(h * partial_rows + r)] = 42.0;
        for (int d = 0; d < head_dim; ++d) expected.o[shape.index(0, r, h, d)] = 42.0;
      }
    }
    std::vector<float> difference(shape.size());
    for (std::size_t n = 0; n < difference.size(); ++n) difference[n] = static_cast<float>(o.values()[n] - expected.o[n]);
    double largest = 0.0;
    for (float value : difference) largest = std::fmax(largest, std::isnan(value) ? 1e9 : std::fabs(value));
    CHECK(largest < 10 * tolerance(type));
    check_lse(lse.download(), expected.lse);
  }
}

TEST_CASE("forward refuses what it cannot do before it launches") {
  TestTensor q(Type::bfloat16, {1, 8, 2, 64}, 0), o(Type::bfloat16, q.shape(), 0);
  q.randomize(1.0f);
  const ForwardArgs good{q.view(), q.view(), q.view(), o.mutable_view(), {}, 1, 2, 2, 64, 0.125f};
  const auto run = [](const ForwardArgs& args) {
    return run_forward<DenseForward<64>>(Type::bfloat16, args, DensePolicy<false>{{8}, {8}});
  };
  CHECK(run(good) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  o.download();
  ForwardArgs bad = good;
  bad.head_dim = 72;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.head_dim = 60;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.kv_heads = 3;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.k.row_stride += 4;
  CHECK(run(bad) == cudaErrorInvalidValue);
  bad = good;
  bad.scale = std::numeric_limits<float>::quiet_NaN();
  CHECK(run(bad) == cudaErrorInvalidValue);
}

}  // namespace fvattn::engine::sm80::test
