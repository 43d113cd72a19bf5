// Tensors that are tiled already, and block lists that come from outside.
#include "oracle.hpp"
#include "tiled.hpp"

using namespace vsa_test;

TEST_CASE("layout tiled gives the raster result in tile order") {
  for (const Triple& tile : {Triple{4, 4, 4}, Triple{4, 8, 8}, Triple{2, 3, 5}}) {
    const Triple shape{5, 6, 7};
    const Case c = case_of(shape, 2, 1, 16, plugin::kF32, 2);
    Case padded = c;
    padded.q_len = padded.kv_len = fvattn::vsa::volume(fvattn::vsa::num_tiles(shape, tile)) * fvattn::vsa::volume(tile);
    const MetaKeys keys =
        grid_keys(shape).number("VSA_sparsity", 0.6).list("tile_size", {tile[0], tile[1], tile[2]});
    MetaKeys tiled_keys = keys;
    tiled_keys.text("layout", "tiled");
    const Tensors in = random_inputs(c);
    const Tensor gate = random_gate(c), d_o = random_like_output(c);
    Tensors tiled_in;
    for (const auto& [name, t] : in) tiled_in.emplace(name, tiled(t, shape, tile));
    constexpr uint32_t flags = FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE;
    Session raster(backend(), c, flags, keys.c(), {}, {{"gate_compress", gate}});
    Session blocks(backend(), padded, flags, tiled_keys.c(), {}, {{"gate_compress", tiled(gate, shape, tile)}});
    REQUIRE(blocks.query().supported);
    raster.prepare();
    blocks.prepare();
    const Tensors out = raster.forward(in), tiled_out = blocks.forward(tiled_in);
    check_same(tiled_out.at("o"), out.at("o"), shape, tile);
    const Tensors grads = raster.backward(in, out, d_o),
                  tiled_grads = blocks.backward(tiled_in, tiled_out, tiled(d_o, shape, tile));
    for (const auto& [name, t] : grads) check_same(tiled_grads.at(name), t, shape, tile);
    const std::vector<int64_t> slot = fvattn::vsa::get_untile_combined_index(shape, tile);
    for (size_t i = 0; i < slot.size(); ++i)
      REQUIRE(tiled_out.at("lse").get(slot[i]) == out.at("lse").get(static_cast<int64_t>(i)));
  }
}

TEST_CASE("given block lists: the fine branch alone, rows without a block give 0") {
  const Triple shape{9, 10, 7};
  const Grid grid(shape);
  const int64_t blocks = grid.blocks(), width = 7;
  const Case c = case_of(shape, 2, 1, 24, plugin::kF64, 2);
  std::vector<double> mask(static_cast<size_t>(c.batch * c.heads * blocks * blocks), 0.0);
  Tensor index(plugin::kI32, {c.batch, c.heads, blocks, width}), count(plugin::kI32, {c.batch, c.heads, blocks});
  for (int64_t row = 0; row < c.batch * c.heads * blocks; ++row) {
    std::vector<int64_t> all(static_cast<size_t>(blocks));
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), engine());  // in any order
    const int64_t n = row % 5 == 0 ? 0 : random_int(1, width);
    count.set(row, static_cast<double>(n));
    for (int64_t i = 0; i < width; ++i) {
      index.set(row * width + i, i < n ? static_cast<double>(all[static_cast<size_t>(i)]) : -1);
      if (i < n) mask[static_cast<size_t>(row * blocks + all[static_cast<size_t>(i)])] = 1;
    }
  }
  const MetaKeys keys = grid_keys(shape);
  const auto session_of = [&](const Tensor& block_index, const Tensor& block_count) {
    constexpr uint32_t flags = FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE;
    return std::make_unique<Session>(backend(), c, flags, keys.c(), fvattn_kvs{},
                                     Tensors{{"block_index", block_index}, {"block_count", block_count}});
  };
  const auto session = session_of(index, count);
  REQUIRE(session->query().supported);
  session->prepare();
  const Tensors in = random_inputs(c);
  const Tensor d_o = random_like_output(c);
  CHECK(described_mask(*session, c, in, blocks) == mask);
  const Tensors out = session->forward(in), grads = session->backward(in, out, d_o);
  const Expected want = oracle(c, grid, in, {}, mask, d_o.values(), /*coarse=*/false);
  CHECK(relative_l2(out.at("o").values(), want.o) < 1e-12);
  CHECK(relative_l2(grads.at("d_q").values(), want.d.q) < 1e-12);
  CHECK(relative_l2(grads.at("d_k").values(), want.d.k) < 1e-12);
  CHECK(relative_l2(grads.at("d_v").values(), want.d.v) < 1e-12);

  const auto message = [&](const Tensor& block_index, const Tensor& block_count) {
    return message_of([&] {
      const auto bad = session_of(block_index, block_count);
      bad->prepare();
      bad->forward(in);
    });
  };
  Tensor bad = index, counts = count;
  counts.set(3, width + 1.0);
  CHECK(message(index, counts).find("block_count is 8") != std::string::npos);
  counts.set(3, 2);
  bad.set(3 * width, static_cast<double>(blocks));
  CHECK(message(bad, counts).find("block_index has the key block 18") != std::string::npos);
  bad.set(3 * width, 4), bad.set(3 * width + 1, 4);
  CHECK(message(bad, counts).find("block_index has twice the key block 4") != std::string::npos);
}

TEST_CASE("describe names the block of each token and counts pairs") {
  const Triple shape{5, 6, 7};
  const Grid grid(shape);
  const Case c = case_of(shape, 2, 1, 8, plugin::kF32);
  const MetaKeys keys = grid_keys(shape).number("VSA_sparsity", 0.5);
  Session session(backend(), c, 0, keys.c());
  session.prepare();
  const Tensors in = random_inputs(c);
  Tensors counts{{"tile_counts", Tensor(plugin::kI64, {2})}};
  session.describe(in, counts);
  CHECK(counts.at("tile_counts").values() == std::vector<double>{8, 8});
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {1, 2, 8, 8})},
              {"q_tile", Tensor(plugin::kI32, {210})},
              {"k_tile", Tensor(plugin::kI32, {210})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(in, out);
  double pairs = 0;
  for (int64_t i = 0; i < 210; ++i) {
    CHECK(out.at("q_tile").get(i) == static_cast<double>(grid.block_of[static_cast<size_t>(i)]));
    CHECK(out.at("k_tile").get(i) == out.at("q_tile").get(i));
  }
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t j = 0; j < 8; ++j)
      pairs += out.at("mask_tiles").get(row * 8 + j) * grid.sizes[static_cast<size_t>(row % 8)] *
               grid.sizes[static_cast<size_t>(j)];
  CHECK(out.at("pairs").get(0) == pairs);
}
