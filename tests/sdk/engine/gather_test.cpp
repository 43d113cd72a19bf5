#include <fvattn/engine/policies/gather.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"

using namespace engine_test;
using namespace fvattn::engine;
using Tile = TileShape<64, 64>;

namespace {

/// For each (batch, head, chunk) the rows that chose it, laid out as GatherPolicy says.
struct Choice {
  int batch, heads, rows, tiles_per_head = 1;
  std::vector<char> chosen;  // [batch * heads, chunks, rows]
  std::vector<int> gathered, chunk_of_tile, first_tile;

  Choice(int batch_, int heads_, int rows_, int chunks) : batch(batch_), heads(heads_), rows(rows_) {
    for (int i = 0; i < batch * heads * chunks; ++i) {
      const int share = random_int(0, 3);
      for (int row = 0; row < rows; ++row) chosen.push_back(random_int(1, 3) <= share);
    }
    const auto picks = [&](int list, int chunk, int row) {
      return chosen[static_cast<std::size_t>((list * chunks + chunk) * rows + row)] != 0;
    };
    for (int pass = 0; pass < 2; ++pass) {  // counts tiles, then fills them
      gathered.assign(static_cast<std::size_t>(batch * heads * tiles_per_head * 64), kNoRow);
      chunk_of_tile.assign(static_cast<std::size_t>(batch * heads * tiles_per_head), -1);
      first_tile.clear();
      int most = 1;
      for (int list = 0; list < batch * heads; ++list) {
        int tile = 0;
        for (int chunk = 0; chunk < chunks; ++chunk) {
          first_tile.push_back(tile);
          int n = 0;
          for (int row = 0; row < rows; ++row) {
            if (!picks(list, chunk, row)) continue;
            const int at = tile + n / 64;
            if (pass == 1) {
              gathered[static_cast<std::size_t>((list * tiles_per_head + at) * 64 + n % 64)] = row;
              chunk_of_tile[static_cast<std::size_t>(list * tiles_per_head + at)] = chunk;
            }
            ++n;
          }
          tile += ceil_div(n, 64);
        }
        first_tile.push_back(tile);
        most = std::max(most, tile);
      }
      tiles_per_head = most;
    }
  }
};

/// Partial results merged by their lse, as VMOBA_ATTN does, against exact softmax over the union of a row's chunks.
template <class ChunkMap>
void check_gather(const ChunkMap& chunks, int rows, int batch) {
  constexpr int kHeads = 2;
  const Choice choice(batch, kHeads, rows, chunks.chunks());
  const GatherMap map{choice.gathered.data(), choice.tiles_per_head, kHeads};
  const GatherPolicy<ChunkMap> policy{map, {map}, chunks, choice.chunk_of_tile.data(), choice.first_tile.data()};
  std::vector<int> chunk_of(static_cast<std::size_t>(rows));
  for (int tile = 0; tile < chunks.template tiles<64>(); ++tile)
    for (int slot = 0; slot < 64; ++slot)
      if (const int row = chunks.template row<64>({}, tile, slot); row != kNoRow)
        chunk_of[static_cast<std::size_t>(row)] = tile / chunks.template tiles_per_chunk<64>();
  Case c{batch, rows, rows, kHeads, 1, 16, 24};
  c.visible = [&](std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
    const std::int64_t list = b * kHeads + h;
    return choice.chosen[static_cast<std::size_t>((list * chunks.chunks() + chunk_of[static_cast<std::size_t>(j)]) * rows +
                                                  i)] != 0;
  };
  check_policy<Tile>(policy, batch, kHeads, rows, rows, c.visible);

  Problem<float> p(c);
  const std::int64_t partial_rows = std::int64_t{choice.tiles_per_head} * 64;
  Tensor partial(fvattn::plugin::kF32, {batch, partial_rows, kHeads, c.v_head_dim}),
      partial_lse(fvattn::plugin::kF32, {batch, kHeads, partial_rows});
  cpu::ForwardArgs<float, float> forward;
  p.sizes(forward);
  forward.q_rows = static_cast<int>(partial_rows);
  forward.q = read<float>(p.q), forward.k = read<float>(p.k), forward.v = read<float>(p.v), forward.o = view<float>(partial);
  forward.saved_lse = first<float>(partial_lse);
  cpu::forward<Tile>(forward, policy, parallel);

  std::vector<double> top(static_cast<std::size_t>(batch * kHeads * rows), -std::numeric_limits<double>::infinity()),
      sum(top.size(), 0);
  std::vector<double> o(p.reference.o.size(), 0), d_q(p.gradients.q.size(), 0);
  const auto each_partial = [&](auto&& body) {  // body(row of lse, row of o or q, row of partial lse, row of partial o)
    for (std::int64_t list = 0; list < batch * kHeads; ++list)
      for (std::int64_t s = 0; s < partial_rows; ++s)
        if (const int row = choice.gathered[static_cast<std::size_t>(list * partial_rows + s)]; row != kNoRow) {
          const std::int64_t b = list / kHeads, h = list % kHeads;
          body(static_cast<std::size_t>(list * rows + row), (b * rows + row) * kHeads + h, list * partial_rows + s,
               (b * partial_rows + s) * kHeads + h);
        }
  };
  each_partial([&](std::size_t at, std::int64_t, std::int64_t stat, std::int64_t) {
    top[at] = std::max(top[at], partial_lse.get(stat));
  });
  each_partial([&](std::size_t at, std::int64_t out, std::int64_t stat, std::int64_t in) {
    const double weight = std::exp(partial_lse.get(stat) - top[at]);
    sum[at] += weight;
    for (int d = 0; d < c.v_head_dim; ++d)
      o[static_cast<std::size_t>(out * c.v_head_dim + d)] += weight * partial.get(in * c.v_head_dim + d);
  });
  Tensor lse(fvattn::plugin::kF32, {batch, kHeads, rows}), whole(fvattn::plugin::kF32, {batch, rows, kHeads, c.v_head_dim});
  for (std::size_t at = 0; at < sum.size(); ++at) {
    const std::int64_t list = static_cast<std::int64_t>(at) / rows, row = static_cast<std::int64_t>(at) % rows;
    lse.set(static_cast<std::int64_t>(at),
            sum[at] > 0 ? top[at] + std::log(sum[at]) : -std::numeric_limits<double>::infinity());
    for (int d = 0; d < c.v_head_dim; ++d) {
      const std::int64_t out = ((list / kHeads * rows + row) * kHeads + list % kHeads) * c.v_head_dim + d;
      whole.set(out, sum[at] > 0 ? o[static_cast<std::size_t>(out)] / sum[at] : 0);
    }
  }
  CHECK(fvattn::testing::relative_l2(whole.values(), p.reference.o) <= 1e-5);

  Tensor delta(fvattn::plugin::kF32, {batch, kHeads, rows}),
      partial_d_q(fvattn::plugin::kF32, {batch, partial_rows, kHeads, c.head_dim});
  Tensor d_k(fvattn::plugin::kF32, p.k.shape()), d_v(fvattn::plugin::kF32, p.v.shape()),
      sum_d_q(fvattn::plugin::kF32, p.q.shape());
  cpu::BackwardArgs<float, float> backward;
  p.sizes(backward);
  backward.q = read<float>(p.q), backward.k = read<float>(p.k), backward.v = read<float>(p.v),
  backward.o = read<float>(whole);
  backward.d_o = read<float>(p.d_o), backward.saved_lse = first<float>(lse), backward.delta = first<float>(delta);
  backward.d_q = view<float>(partial_d_q), backward.d_k = view<float>(d_k), backward.d_v = view<float>(d_v);
  cpu::backward<Tile>(backward, policy, parallel);
  each_partial([&](std::size_t, std::int64_t out, std::int64_t, std::int64_t in) {
    for (int d = 0; d < c.head_dim; ++d)
      d_q[static_cast<std::size_t>(out * c.head_dim + d)] += partial_d_q.get(in * c.head_dim + d);
  });
  CHECK(p.gradient_error(sum_d_q.fill(d_q), p.gradients.q) <= 4e-5);
  CHECK(p.gradient_error(d_k, p.gradients.k) <= 4e-5);
  CHECK(p.gradient_error(d_v, p.gradients.v) <= 4e-5);
  for (const Tensor* t : {&partial, &partial_lse, &delta, &partial_d_q, &d_k, &d_v}) CHECK(t->intact());
}

}  // namespace

TEST_CASE("chunks with gathered rows, merged") {
  for (int trial = 0; trial < 3; ++trial) {
    const int rows = random_int(30, 300), length = random_int(5, 100);
    check_gather(ChunkBoxMap{{1, 1, rows}, {1, 1, length}}, rows, 1);
    const Extent3 grid{random_int(1, 5), random_int(2, 7), random_int(2, 9)};
    check_gather(ChunkBoxMap{grid, {grid.t, 2, 2}}, grid.volume(), 2);
    check_gather(ChunkBoxMap{grid, {2, 3, 4}}, grid.volume(), 1);
    const int starts[] = {0, 70, 71, 200, 200 + random_int(1, 129)};
    check_gather(ChunkRunMap{starts, 4, 129}, starts[4], 1);
  }
}
