#include "sta_test.hpp"

using namespace sta_test;

TEST_CASE("searching gives the full result and each candidate's distance from it") {
  for (const char* layout : {"raster", "tiled"}) {
    const Rule rule{{4, 6, 8}, {2, on_gpu() ? 3 : 2, on_gpu() ? 4 : 2}, 3};  // few tiles: the emulator is slow
    const int32_t v_dim = on_gpu() ? 8 : 12;
    const Case c = rule.problem(3, 1, 8, v_dim, type_for_device(plugin::kF32));
    const std::vector<Window> candidates{{1, 1, 1}, {1, 3, 3}, {2, 9, 9}};
    const Meta meta =
        rule.meta().windows("mask_candidates", candidates).text("STA_mode", "STA_searching").text("layout", layout);
    Session session(backend(), c, kAll, meta.c());
    session.problem().text_len = rule.text;
    session.prepare();
    const Tensors in = random_inputs(c), out = session.forward(in);
    check(session, c);  // dense, gradients too

    Meta windows;
    const std::vector<double> full = out.at("o").values();
    CHECK(out.at("l2_loss").shape() == std::vector<int64_t>{3, 3});
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Meta given = rule.meta().windows("window_size", {candidates[i]}).text("layout", layout);
      Session candidate(backend(), c, 0, given.c());
      candidate.problem().text_len = rule.text;
      candidate.prepare();
      const std::vector<double> o = candidate.forward(in).at("o").values();
      for (size_t h = 0; h < 3; ++h) {
        double l2 = 0, l1 = 0, n = 0;
        for (size_t row = 0; row < static_cast<size_t>(c.q_len); ++row)
          for (size_t d = 0; d < static_cast<size_t>(v_dim); ++d, ++n) {
            const size_t at = (row * 3 + h) * static_cast<size_t>(v_dim) + d;
            const double difference = o[at] - full[at];
            l2 += difference * difference, l1 += std::fabs(difference);
          }
        CHECK(out.at("l2_loss").get(static_cast<int64_t>(i * 3 + h)) == doctest::Approx(l2 / n).epsilon(1e-9));
        CHECK(out.at("l1_loss").get(static_cast<int64_t>(i * 3 + h)) == doctest::Approx(l1 / n).epsilon(1e-9));
        CHECK((l2 == 0) == (i == 2));  // the last one is full
      }
    }
  }
}
