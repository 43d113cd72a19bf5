#include "flash_test.hpp"

using namespace flash_test;

TEST_CASE("what is refused, with its reason") {
  const auto reasons = [](Case c, uint32_t flags = 0, double dropout = 0) {
    Session session(backend(), c, flags);
    session.problem().dropout_p = dropout;
    return session.query().reasons;
  };
  const Case good{2, 5, 7, 2, 1, 8, 8, plugin::kF32};
  CHECK(reasons(good) == 0);
  CHECK(reasons(good, 0, 0.1) == FVATTN_R_DROPOUT);
  CHECK(reasons(good, FVATTN_PROBLEM_VARLEN) == FVATTN_R_VARLEN);
  CHECK(reasons({2, 5, 7, 3, 2, 8, 8, plugin::kF32}) == FVATTN_R_GQA);
  CHECK(reasons({2, 5, 7, 2, 1, 257, 8, plugin::kF32}) == FVATTN_R_HEAD_DIM);
  CHECK(reasons({2, 5, 7, 2, 1, 8, 300, plugin::kF32}) == FVATTN_R_HEAD_DIM);
  CHECK(reasons({2, 5, 7, 2, 1, 8, 8, plugin::kI32}) == FVATTN_R_DTYPE);
}

TEST_CASE("describe counts pairs and marks tiles") {
  Case c{2, 130, 200, 3, 3, 8, 8, plugin::kF32, true};
  Session session(backend(), c);
  session.prepare();
  const Tensors in = random_inputs(c);
  Tensors counts{{"tile_counts", Tensor(plugin::kI64, {2})}};
  session.describe(in, counts);
  CHECK(counts["tile_counts"].values() == std::vector<double>{3, 4});
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {2, 3, 3, 4})},
              {"q_tile", Tensor(plugin::kI32, {130})},
              {"k_tile", Tensor(plugin::kI32, {200})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(in, out);
  double pairs = 0;
  std::vector<double> seen(2 * 3 * 3 * 4, 0);
  for (int64_t bh = 0; bh < 6; ++bh)
    for (int64_t i = 0; i < 130; ++i)
      for (int64_t j = 0; j < 200; ++j)
        if (c.sees(0, 0, i, j)) ++pairs, seen[static_cast<size_t>((bh * 3 + i / 64) * 4 + j / 64)] = 1;
  CHECK(out["pairs"].get(0) == pairs);
  CHECK(out["mask_tiles"].values() == seen);
  CHECK(out["q_tile"].get(64) == 1);
  CHECK(out["k_tile"].get(199) == 3);
}
