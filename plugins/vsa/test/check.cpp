#include "check.hpp"

namespace vsa_test {

namespace {

double tolerance(Dtype dtype) {
  return dtype == plugin::kF64 ? 1e-11 : dtype == plugin::kF32 ? 2e-5 : dtype == plugin::kF16 ? 4e-3 : 2e-2;
}

/// Relative to `floor` at least: saturated softmax leaves no gradient but rounding errors.
double error_of(const Tensor& got, const std::vector<double>& want, double floor) {
  const auto norm = [](const std::vector<double>& x) { return relative_l2(x, std::vector<double>(x.size(), 0)); };
  const double size = norm(want), error = size > 0 ? relative_l2(got.values(), want) * size : norm(got.values());
  return error / std::max(size, floor);
}

}  // namespace

void check_selection(const Case& c, const std::vector<double>& scores, const std::vector<double>& mask, int64_t blocks,
                     int64_t k) {
  double size = 0;
  for (const double score : scores) size = std::max(size, std::fabs(score));
  const double slack = size * (c.dtype == plugin::kF64   ? 1e-14
                               : c.dtype == plugin::kF32 ? 1e-6
                               : c.dtype == plugin::kF16 ? 4e-3
                                                         : 3e-2);
  for (size_t row = 0; row < scores.size() / static_cast<size_t>(blocks); ++row) {
    int64_t kept = 0;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (int64_t j = 0; j < blocks; ++j) {
      const size_t at = row * static_cast<size_t>(blocks) + static_cast<size_t>(j);
      if (mask[at] != 0) ++kept, least = std::min(least, scores[at]);
      else most = std::max(most, scores[at]);
    }
    REQUIRE(kept == k);
    REQUIRE(least >= most - slack);
  }
}

void check(const Triple& shape, const Case& c, const Settings& s) {
  CAPTURE(fvattn::vsa::detail::text(shape));
  CAPTURE(c.batch);
  CAPTURE(c.heads);
  CAPTURE(c.kv_heads);
  CAPTURE(c.head_dim);
  CAPTURE(plugin::to_string(c.dtype));
  CAPTURE(s.sparsity);
  CAPTURE(s.sigma);
  CAPTURE(s.gate);
  CAPTURE(s.flags);
  const Grid grid(shape, s.tile);
  const MetaKeys keys =
      grid_keys(shape).number("VSA_sparsity", s.sparsity).list("tile_size", {s.tile[0], s.tile[1], s.tile[2]});
  Tensors extras;
  Case given = c;
  if (s.input_gap >= 0) given.gap = s.input_gap;
  if (s.gate) extras.emplace("gate_compress", random_gate(given));
  Session session(backend(), c, FVATTN_PROBLEM_NEED_LSE | FVATTN_PROBLEM_NEED_GRAD | s.flags, keys.c(), {}, extras);
  const Answer answer = session.query();
  REQUIRE_MESSAGE(answer.supported, answer.text());
  session.prepare();
  const Tensors in = random_inputs(given, s.sigma);
  const Tensor d_o = random_like_output(c);
  const std::vector<double> mask = described_mask(session, c, in, grid.blocks());
  check_selection(c, coarse_scores(c, grid, in), mask, grid.blocks(), fvattn::vsa::top_k(s.sparsity, grid.blocks()));
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const Expected want =
      oracle(c, grid, in, s.gate ? extras.at("gate_compress").values() : std::vector<double>(), mask, d_o.values());
  // Rounding of the logits grows with them; the reference's own bound at scale 16 is 2e-2 and 5e-2.
  const double limit = std::min(2e-2, tolerance(c.dtype) * std::max(1.0, s.sigma * s.sigma / 4));
  const double floor = 0.05 * relative_l2(d_o.values(), std::vector<double>(static_cast<size_t>(d_o.size()), 0));
  CHECK(relative_l2(out.at("o").values(), want.o) <= limit);
  CHECK(relative_l2(out.at("lse").values(), want.lse) <= std::max(limit, 1e-6));
  CHECK(error_of(grads.at("d_q"), want.d.q, floor) <= 2.5 * limit);
  CHECK(error_of(grads.at("d_k"), want.d.k, floor) <= 2.5 * limit);
  CHECK(error_of(grads.at("d_v"), want.d.v, floor) <= 2.5 * limit);
  if (s.gate) CHECK(error_of(grads.at("d_gate_compress"), want.d_gate, 0) <= 2.5 * limit);
}

}  // namespace vsa_test
