#include "vmoba_test.hpp"

using namespace vmoba_test;

TEST_CASE("tiles are rows and chunks; pairs are counted") {
  const Video video{{3, 4, 6}, {2, 3}};
  const Case c{2, 72, 72, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  const Choice choice{"topk", "query_head", 0, 2};
  const Meta meta = meta_of(video, choice);
  Session session(backend(), c, 0, meta.c());
  session.problem().layer_index = 1;
  session.prepare();
  const Tensors in = random_inputs(c);
  Tensors counts{{"tile_counts", Tensor(plugin::kI64, {2})}};
  session.describe(in, counts);
  CHECK(counts.at("tile_counts").values() == std::vector<double>{72, 4});
  Tensors out{{"q_tile", Tensor(plugin::kI32, {72})},
              {"k_tile", Tensor(plugin::kI32, {72})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(in, out);
  const std::vector<int> chunk = video.chunk_of_rows();
  for (int64_t row = 0; row < 72; ++row) {
    CHECK(out.at("q_tile").get(row) == row);
    CHECK(out.at("k_tile").get(row) == chunk[static_cast<size_t>(row)]);
  }
  CHECK(out.at("pairs").get(0) == 2 * 2 * 72 * 2 * 18);
}

TEST_CASE("a dense step is one tile") {
  const Case c{1, 24, 24, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  Meta meta = meta_of({{1, 4, 6}, {1}}, {"topk", "query_head"});
  meta.set("dense_steps", std::vector<int64_t>{5});
  Session session(backend(), c, 0, meta.c());
  session.prepare();
  session.call().step = 5;
  CHECK((session.plan().flags & FVATTN_PLAN_GRAPH_PER_STEP) != 0);
  Tensors out{{"tile_counts", Tensor(plugin::kI64, {2})},
              {"mask_tiles", Tensor(plugin::kU8, {1, 2, 1, 1})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(random_inputs(c), out);
  CHECK(out.at("tile_counts").values() == std::vector<double>{1, 1});
  CHECK(out.at("mask_tiles").values() == std::vector<double>{1, 1});
  CHECK(out.at("pairs").get(0) == 2 * 24 * 24);
}
