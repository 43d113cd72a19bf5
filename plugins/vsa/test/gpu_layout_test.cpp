// The GPU on tensors that are tiled already, on block lists that come from outside, and what it says of a call.
#include "oracle.hpp"
#include "tiled.hpp"

#include <fvattn/plugin/gpu/hopper.hpp>

using namespace vsa_test;

namespace {
constexpr uint32_t kAll = FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE;
}

TEST_SUITE_BEGIN("gpu");

TEST_CASE("layout tiled gives the raster result in tile order") {
  for (const Triple& tile : {Triple{4, 4, 4}, Triple{2, 6, 7}}) {
    // On Hopper the raster call of this tile is the sm90 engine's and the tiled one the sm80 engine's: not the same bits.
    if (test_device().cc_major == 9 && fvattn::vsa::volume(tile) == 64) continue;
    const Triple shape{5, 4, 6};
    const Case c = case_of(shape, 2, 1, 16, plugin::kBF16);
    Case padded = c;
    padded.q_len = padded.kv_len = fvattn::vsa::volume(fvattn::vsa::num_tiles(shape, tile)) * fvattn::vsa::volume(tile);
    const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.4).list("tile_size", {tile[0], tile[1], tile[2]});
    MetaKeys tiled_keys = keys;
    tiled_keys.text("layout", "tiled");
    const Tensors in = random_inputs(c);
    const Tensor gate = random_gate(c), d_o = random_like_output(c);
    Tensors tiled_in;
    for (const auto& [name, t] : in) tiled_in.emplace(name, tiled(t, shape, tile));
    Session raster(backend(), c, kAll, keys.c(), {}, {{"gate_compress", gate}});
    Session blocks(backend(), padded, kAll, tiled_keys.c(), {}, {{"gate_compress", tiled(gate, shape, tile)}});
    raster.prepare();
    blocks.prepare();
    const Tensors out = raster.forward(in), tiled_out = blocks.forward(tiled_in);
    check_same(tiled_out.at("o"), out.at("o"), shape, tile);
    const Tensors grads = raster.backward(in, out, d_o),
                  tiled_grads = blocks.backward(tiled_in, tiled_out, tiled(d_o, shape, tile));
    for (const auto& [name, t] : grads) check_same(tiled_grads.at(name), t, shape, tile);
    const std::vector<int64_t> slot = fvattn::vsa::get_untile_combined_index(shape, tile);
    for (int64_t h = 0; h < c.heads; ++h)
      for (size_t i = 0; i < slot.size(); ++i)
        REQUIRE(tiled_out.at("lse").get(h * padded.q_len + slot[i]) ==
                out.at("lse").get(h * c.q_len + static_cast<int64_t>(i)));
    const std::vector<double> lse = tiled_out.at("lse").values();
    CHECK(std::count(lse.begin(), lse.end(), -HUGE_VAL) == c.heads * (padded.q_len - c.q_len));
  }
}

TEST_CASE("given block lists: in any order, what is no block or comes twice is left out, rows without a block give 0") {
  const Triple shape{9, 5, 7};
  const Grid grid(shape);
  const int64_t blocks = grid.blocks(), width = 7;
  const Case c = case_of(shape, 2, 1, 24, plugin::kF16, 2);
  std::vector<double> mask(static_cast<size_t>(c.batch * c.heads * blocks * blocks), 0.0);
  Tensor index(plugin::kI32, {c.batch, c.heads, blocks, width}), count(plugin::kI32, {c.batch, c.heads, blocks});
  for (int64_t row = 0; row < c.batch * c.heads * blocks; ++row) {
    const int64_t n = row % 5 == 0 ? 0 : random_int(1, width);
    count.set(row, static_cast<double>(n));
    for (int64_t i = 0; i < width; ++i) {
      const int64_t block = i == 0 ? 3 : random_int(-1, blocks);  // a block that most see: long lists go first
      index.set(row * width + i, static_cast<double>(block));
      if (i < n && block >= 0 && block < blocks) mask[static_cast<size_t>(row * blocks + block)] = 1;
    }
  }
  const MetaKeys keys = grid_keys(shape);
  Session session(backend(), c, kAll, keys.c(), {}, {{"block_index", index}, {"block_count", count}});
  REQUIRE(session.query().supported);
  session.prepare();
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  CHECK(described_mask(session, c, in, blocks) == mask);
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const Expected want = oracle(c, grid, in, {}, mask, d_o.values(), /*coarse=*/false);
  CHECK(relative_l2(out.at("o").values(), want.o) < 2e-3);
  CHECK(relative_l2(grads.at("d_q").values(), want.d.q) < 8e-3);
  CHECK(relative_l2(grads.at("d_k").values(), want.d.k) < 8e-3);
  CHECK(relative_l2(grads.at("d_v").values(), want.d.v) < 8e-3);
}

TEST_CASE("given block lists of neighbours: one with first and last, one with every block, one with none") {
  if (!plugin::gpu::is_hopper(test_device())) return;  // where neighbours share what they load
  const Triple shape{1, 27, 3}, tile{1, 1, 64};
  const Grid grid(shape, tile);
  const int64_t blocks = grid.blocks();
  const Case c = case_of(shape, 1, 1, 64, plugin::kF16);
  std::vector<double> mask(static_cast<size_t>(blocks * blocks), 0.0);
  Tensor index(plugin::kI32, {1, 1, blocks, blocks}), count(plugin::kI32, {1, 1, blocks});
  for (int64_t row = 0; row < blocks; ++row) {
    int64_t n = 0;
    for (int64_t block = 0; block < blocks; ++block) {
      if (row % 3 == 2 || (row % 3 == 0 && block > 0 && block < blocks - 1)) continue;
      index.set(row * blocks + n++, static_cast<double>(block));
      mask[static_cast<size_t>(row * blocks + block)] = 1;
    }
    count.set(row, static_cast<double>(n));
  }
  const MetaKeys keys = grid_keys(shape).list("tile_size", {1, 1, 64});
  Session session(backend(), c, FVATTN_PROBLEM_NEED_LSE, keys.c(), {}, {{"block_index", index}, {"block_count", count}});
  session.prepare();
  const Tensors in = random_inputs(c, 3), out = session.forward(in);  // maxima rise by more than what is let pass
  const Expected want = oracle(c, grid, in, {}, mask, random_like_output(c).values(), /*coarse=*/false);
  CHECK(relative_l2(out.at("o").values(), want.o) < 2e-3);
  for (size_t i = 0; i < want.lse.size(); ++i) {
    const double lse = out.at("lse").get(static_cast<int64_t>(i));
    CHECK((lse == want.lse[i] || std::fabs(lse - want.lse[i]) < 2e-3));
  }
}

TEST_CASE("describe names the block of each token and counts pairs") {
  const Triple shape{5, 6, 7};
  const Grid grid(shape);
  const Case c = case_of(shape, 2, 1, 8, plugin::kBF16);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.5);
  Session session(backend(), c, 0, keys.c());
  session.prepare();
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {1, 2, 8, 8})},
              {"q_tile", Tensor(plugin::kI32, {210})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(random_inputs(c), out);
  for (int64_t i = 0; i < 210; ++i)
    CHECK(out.at("q_tile").get(i) == static_cast<double>(grid.block_of[static_cast<size_t>(i)]));
  double pairs = 0;
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t j = 0; j < 8; ++j)
      pairs += out.at("mask_tiles").get(row * 8 + j) * grid.sizes[static_cast<size_t>(row % 8)] *
               grid.sizes[static_cast<size_t>(j)];
  CHECK(out.at("pairs").get(0) == pairs);
}

TEST_SUITE_END();
