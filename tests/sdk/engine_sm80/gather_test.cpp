// Gathered query rows: partial results, one row of o, lse and d_q for each choice of a chunk.
#include "backward_check.hpp"
#include "policy_data.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fvattn::engine::sm80::test {

namespace {

using Policy = GatherPolicy<ChunkRunMap>;
constexpr int kRows = 64;

/// For each (batch, head, chunk) some query rows, laid out as GatherPolicy says.
struct Choice {
  Choice(const Case& c, std::vector<int> starts_) : starts(std::move(starts_)) {
    chunks = static_cast<int>(starts.size()) - 1;
    tiles = chunks * ceil_div(c.q_len, kRows);
    heads = c.q_heads;
    for (int list = 0; list < c.batch * heads; ++list) {
      std::vector<int> gathered, chunk_of;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        first_tile.push_back(static_cast<int>(chunk_of.size()));
        const int share = random_int(0, 3);
        for (int row = 0; row < c.q_len; ++row) {
          if (random_int(1, 3) <= share) gathered.push_back(row);
        }
        gathered.resize((gathered.size() + kRows - 1) / kRows * kRows, kNoRow);
        chunk_of.resize(gathered.size() / kRows, chunk);
      }
      first_tile.push_back(static_cast<int>(chunk_of.size()));
      gathered.resize(static_cast<std::size_t>(tiles * kRows), kNoRow);
      chunk_of.resize(static_cast<std::size_t>(tiles), -1);
      rows.insert(rows.end(), gathered.begin(), gathered.end());
      chunk_of_tile.insert(chunk_of_tile.end(), chunk_of.begin(), chunk_of.end());
    }
  }
  int partial_rows() const { return tiles * kRows; }
  /// The query row of a partial row, or kNoRow.
  int row(int batch, int head, int partial) const {
    return rows[static_cast<std::size_t>((batch * heads + head) * partial_rows() + partial)];
  }
  int chunk(int batch, int head, int partial) const {
    return chunk_of_tile[static_cast<std::size_t>((batch * heads + head) * tiles + partial / kRows)];
  }

  std::vector<int> starts, rows, chunk_of_tile, first_tile;
  int chunks, tiles, heads;
};

struct GatherData {
  explicit GatherData(const Choice& c)
      : starts(c.starts), rows(c.rows), chunk_of_tile(c.chunk_of_tile), first_tile(c.first_tile), tiles(c.tiles), heads(c.heads),
        chunks(c.chunks) {}
  Policy policy(bool device) const {
    const GatherMap map{rows.data(device), tiles, heads};
    return {map, {map}, {starts.data(device), chunks, 130}, chunk_of_tile.data(device), first_tile.data(device)};
  }
  Mirrored<int> starts, rows, chunk_of_tile, first_tile;
  int tiles, heads, chunks;
};

cudaError_t forward_as(const Case& c, const ForwardArgs& args, const Policy& policy) {
  return c.head_dim > 64 ? run_forward<Block64Forward<128>>(c.type, args, policy)
                         : run_forward<Block64Forward<64>>(c.type, args, policy);
}

Case gather_case(int i) {
  Case c = random_case(i % 2 == 0 ? 128 : 56);
  c.q_heads = c.kv_heads * 2;
  return c;
}

}  // namespace

TEST_CASE("gathered rows, forward: every partial row, and no other") {
  for (int i = 0; i < (kEmulated ? 2 : 6); ++i) {
    const Case c = gather_case(i);
    CAPTURE(c.text());
    const Choice choice(c, random_starts(c.kv_len));
    const GatherData data(choice);
    TestTensor q(c.type, c.q_shape(), 1), k(c.type, c.kv_shape(), 0), v(c.type, c.kv_shape(), 2);
    q.randomize(1.0f);
    k.randomize(1.0f);
    v.randomize(1.0f);
    // The partial rows as a problem of their own.
    const Shape shape{c.batch, choice.partial_rows(), c.q_heads, c.head_dim};
    std::vector<float> gathered(shape.size(), 0.0f);
    const auto each_row = [&](const auto& body) {
      for (int b = 0; b < c.batch; ++b)
        for (int h = 0; h < c.q_heads; ++h)
          for (int r = 0; r < shape.rows; ++r) body(b, h, r, choice.row(b, h, r));
    };
    each_row([&](int b, int h, int r, int row) {
      for (int d = 0; row >= 0 && d < c.head_dim; ++d)
        gathered[shape.index(b, r, h, d)] = q.values()[q.shape().index(b, row, h, d)];
    });
    const Visible visible = [&](int b, int h, int r, int j) {
      const int chunk = choice.row(b, h, r) < 0 ? -1 : choice.chunk(b, h, r);
      return chunk >= 0 && j >= choice.starts[static_cast<std::size_t>(chunk)] && j < choice.starts[static_cast<std::size_t>(chunk) + 1];
    };
    Reference expected =
        reference_attention(shape, gathered, k.shape(), k.values(), v.values(), {}, c.scale, visible);
    // Rows without a query keep what they had.
    constexpr float kBefore = 42.0f;
    TestTensor o(c.type, shape, 1);
    o.assign(std::vector<float>(shape.size(), kBefore));
    DeviceArray<float> lse(std::vector<float>(expected.lse.size(), kBefore));
    const ForwardArgs args{q.view(), k.view(), v.view(), o.mutable_view(),
                           {lse.data(), std::int64_t(c.q_heads) * shape.rows, shape.rows},
                           c.batch, c.q_heads, c.kv_heads, c.head_dim, c.scale};
    REQUIRE(forward_as(c, args, data.policy(true)) == cudaSuccess);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    o.download();
    double largest = 0.0;
    each_row([&](int b, int h, int r, int row) {
      if (row < 0) expected.lse[(static_cast<std::size_t>(b) * c.q_heads + h) * shape.rows + r] = kBefore;
      for (int d = 0; d < c.head_dim; ++d) {
        const std::size_t at = shape.index(b, r, h, d);
        const double difference = std::fabs(o.values()[at] - (row < 0 ? kBefore : expected.o[at]));
        largest = std::fmax(largest, std::isnan(difference) ? 1e9 : difference);
      }
    });
    CHECK(largest < 10 * tolerance(c.type));
    check_lse(lse.download(), expected.lse);
  }
}

TEST_CASE("gathered rows, backward: partial d_q sum to the whole") {
  for (int i = 0; i < (kEmulated ? 2 : 6); ++i) {
    const Case c = gather_case(i);
    CAPTURE(c.text());
    const Choice choice(c, random_starts(c.kv_len));
    const GatherData data(choice);
    const PolicyPairs<TileShape<64, 64>> pairs(data.policy(false), c.batch, c.q_heads, c.q_len, c.kv_len);
    const BackwardInputs in(c, std::cref(pairs));
    const Shape shape{c.batch, choice.partial_rows(), c.q_heads, c.head_dim};
    TestTensor partial(c.type, shape, 0), d_k(c.type, c.kv_shape(), 0), d_v(c.type, c.kv_shape(), 1);
    BackwardArgs args;
    args.q = in.q.view(), args.k = in.k.view(), args.v = in.v.view(), args.o = in.o.view(), args.d_o = in.d_o.view();
    args.lse = {in.lse->data(), std::int64_t(c.q_heads) * c.q_len, c.q_len};
    args.d_q = partial.mutable_view(), args.d_k = d_k.mutable_view(), args.d_v = d_v.mutable_view();
    args.batch = args.stored_batch = c.batch, args.q_rows = c.q_len, args.q_heads = c.q_heads, args.kv_heads = c.kv_heads;
    args.head_dim = c.head_dim, args.scale = c.scale;
    for (const bool deterministic : {true, false}) {
      CAPTURE(deterministic);
      args.deterministic = deterministic;
      partial.assign(std::vector<float>(shape.size(), 0.0f));
      d_k.poison();
      d_v.poison();
      const auto device = data.policy(true);
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
      for (int b = 0; b < c.batch; ++b) {
        for (int h = 0; h < c.q_heads; ++h) {
          for (int r = 0; r < shape.rows; ++r) {
            const int row = choice.row(b, h, r);
            for (int d = 0; row >= 0 && d < c.head_dim; ++d) {
              d_q[c.q_shape().index(b, row, h, d)] += partial.values()[shape.index(b, r, h, d)];
            }
          }
        }
      }
      check_close(d_q, in.expected.d_q, gradient_tolerance(c.type), in.expected.d_q_noise);
      check_close(d_k.values(), in.expected.d_k, gradient_tolerance(c.type), in.expected.d_k_noise);
      check_close(d_v.values(), in.expected.d_v, gradient_tolerance(c.type));
    }
  }
}

}  // namespace fvattn::engine::sm80::test
