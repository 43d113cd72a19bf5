#include "vmoba_test.hpp"

using namespace vmoba_test;

namespace {

const std::vector<Video>& videos() {
  static const std::vector<Video> all{
      {{5, 4, 6}, {1.3}},      // 31, 31, 31, 27 tokens
      {{5, 6, 8}, {2}},        // more than a tile each, the last one short
      {{3, 8, 6}, {4, 3}},     // 4 chunks of 36
      {{4, 6, 8}, {2, 3, 4}},  // 8 chunks of 24
      {{4, 6, 6}, {1, 2, 2}},  // 36 chunks: two words
  };
  return all;
}

}  // namespace

TEST_CASE("seven modes in one, two and three dimensions") {
  int64_t turn = random_int(0, 100);
  for (const Video& video : videos())
    for (const Choice& choice : seven_modes()) {
      Choice random = choice;
      random.threshold = std::uniform_real_distribution<double>(0.05, 0.95)(engine());
      random.topk = random_int(1, 5);
      // The emulator is slow: it selects in all of them and attends in some, in others every time.
      const bool attends = !on_gpu() || (++turn % 6 == 0 && video.box.back() != 2);
      check({1, 1, 1, 2, 2, 8, 8, type_for_device(plugin::kF32, turn % 2 ? plugin::kF16 : plugin::kBF16)}, video, random,
            attends);
    }
}

TEST_CASE("few of many chunks: one, two and three dimensions, a head dim that fills no tile") {
  for (const Video& video : {Video{{8, 4, 5}, {1}}, Video{{3, 4, 12}, {2, 3}}, Video{{4, 6, 6}, {2, 2, 3}}})
    for (const int64_t topk : {1, 2, 4})
      check({1, 1, 1, 2, 1, 40, 40, type_for_device(plugin::kF32)}, video, {"topk", "query_head", 0, topk});
}

TEST_CASE("lists that take several passes, and heads whose lists have no room") {
  const Video video{{4, 8, 12}, {1, 4, 4}};  // 24 chunks of 16
  const Dtype dtype = type_for_device(plugin::kF32, plugin::kF16);
  check({1, 1, 1, 1, 1, 8, 8, dtype}, video, {"topk", "query_head", 0, 9});
  check({1, 1, 1, 2, 1, 8, 8, dtype}, Video{{4, 6, 6}, {1, 2, 3}}, {"threshold", "query_head", 0.1, 1});
  // Queries of the first head want most chunks, those of the second three.
  Case c{1, video.tokens(), video.tokens(), 2, 2, 8, 8, dtype};
  const Choice choice{"threshold", "head_global", 0.7, 1};
  const Meta meta = meta_of(video, choice);
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = video.layer();
  session.prepare();
  Tensors in = random_inputs(c);
  const std::vector<int> chunk = video.chunk_of_rows();
  for (int64_t row = 0; row < c.kv_len; ++row)
    for (int64_t d = 0; d < 8; ++d) {
      in.at("k").set((row * 2 + 1) * 8 + d, d == 0 && chunk[static_cast<size_t>(row)] % 8 == 0 ? 2 : 0);
      in.at("q").set((row * 2 + 1) * 8 + d, d == 0 ? 2 : 0.5);
    }
  c.visible = sees(c, chunk, expected_choice(c, chunk, choice, in));
  check_attention(session, c, in);
}

TEST_CASE("every dtype, batch 2, gaps, GQA, odd head dims, another scale") {
  for (const Dtype dtype : {plugin::kF64, plugin::kF32, plugin::kBF16, plugin::kF16})
    for (const Choice& choice : {seven_modes()[0], seven_modes()[3], seven_modes()[5]}) {
      if (on_gpu() && dtype.bits != 16) continue;
      Case c{2, 1, 1, 4, 2, on_gpu() ? 24 : 20, on_gpu() ? 24 : 12, dtype};
      c.gap = on_gpu() ? 8 : 3;
      c.scale = 0.3;
      check(c, on_gpu() ? Video{{2, 4, 6}, {2, 2, 3}} : videos()[static_cast<size_t>(random_int(0, 3))], choice);
    }
}

TEST_CASE("one chunk, topk 1, thresholds 0 and 1") {
  for (Choice choice : seven_modes()) {
    for (const Video& one : {Video{{3, 4, 5}, {7}}, Video{{2, 4, 4}, {4, 4}}, Video{{2, 4, 4}, {2, 4, 4}}})
      check({1, 1, 1, 2, 1, 8, 8, type_for_device(plugin::kF32)}, one, choice);
    for (const double threshold : {0.0, 1.0, 1.5}) {
      choice.threshold = threshold;
      choice.topk = threshold == 0 ? 1 : 100;
      check({1, 1, 1, 2, 2, 8, 8, type_for_device(plugin::kF32)}, videos()[3], choice, !on_gpu());
    }
  }
}

TEST_CASE("all chunks chosen is dense attention") {
  const Video& video = videos()[2];
  Case c{1, video.tokens(), video.tokens(), 2, 2, 16, 16, type_for_device(plugin::kF64)};
  const Meta meta = meta_of(video, {"topk", "query_head", 0, 4});
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = 1;
  session.prepare();
  check_attention(session, c, random_inputs(c));
}

TEST_CASE("a batch entry does not depend on the others") {
  for (const Choice& choice : seven_modes()) {
    CAPTURE(choice.mode);
    CAPTURE(choice.type);
    const Video video = on_gpu() ? Video{{2, 4, 6}, {2, 2, 3}} : videos()[3];
    const Case two{2, video.tokens(), video.tokens(), 2, 2, 8, 8, type_for_device(plugin::kF32)};
    const Meta meta = meta_of(video, choice);
    const auto run = [&](const Tensors& in) {
      Session session(backend(), two, 0, meta.c());
      session.problem().layer_index = 2;
      session.prepare();
      return session.forward(in).at("o").values();
    };
    Tensors in = random_inputs(two);
    const std::vector<double> before = run(in);
    for (auto& [name, t] : in)
      for (int64_t i = t.size() / 2; i < t.size(); ++i) t.set(i, 100 * t.get(i) + 3);
    const std::vector<double> after = run(in);
    const auto half = static_cast<std::ptrdiff_t>(before.size() / 2);
    CHECK(std::equal(before.begin(), before.begin() + half, after.begin()));
    CHECK_FALSE(std::equal(before.begin() + half, before.end(), after.begin() + half));
  }
}

TEST_CASE("repeats are bitwise equal, gradients too") {
  for (const Choice& choice : seven_modes()) {
    if (on_gpu() && choice.type != "query_head") continue;
    const Video video = on_gpu() ? Video{{2, 4, 6}, {1, 2, 3}} : videos()[1];
    const Case c{1, video.tokens(), video.tokens(), 3, 3, 24, 24, plugin::kBF16};
    const Meta meta = meta_of(video, choice);
    Session session(backend(), c, kEverything | FVATTN_PROBLEM_NEED_DETERMINISM, meta.c());
    REQUIRE(session.query().supported);
    session.prepare();
    CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) != 0);
    const Tensors in = random_inputs(c);
    const Tensor d_o = Tensor(c.dtype, {1, c.q_len, c.heads, c.v_head_dim}).normal(engine());
    const Tensors out = session.forward(in), again = session.forward(in);
    for (const auto& [name, t] : out) CHECK(t.values() == again.at(name).values());
    const Tensors grads = session.backward(in, out, d_o), grads_again = session.backward(in, again, d_o);
    for (const auto& [name, t] : grads) CHECK(t.values() == grads_again.at(name).values());
  }
}

TEST_CASE("a gradient is the slope of the result") {
  if (on_gpu()) return;  // 16 bits show no slope
  const Video& video = videos()[2];
  Case c{1, video.tokens(), video.tokens(), 1, 1, 8, 8, plugin::kF64};
  const Meta meta = meta_of(video, {"threshold", "query_head", 0.3, 2});
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = 1;
  session.prepare();
  Tensors in = random_inputs(c);
  const Tensor d_o = Tensor(c.dtype, {1, c.q_len, 1, 8}).normal(engine());
  const Tensors grads = session.backward(in, session.forward(in), d_o);
  const auto loss = [&] {
    const std::vector<double> o = session.forward(in).at("o").values(), weights = d_o.values();
    return std::inner_product(o.begin(), o.end(), weights.begin(), 0.0);
  };
  for (const char* name : {"q", "k", "v"})
    for (int trial = 0; trial < 5; ++trial) {
      const int64_t at = random_int(0, in.at(name).size() - 1);
      const double value = in.at(name).get(at), step = 1e-6;  // too small to change what is selected
      in.at(name).set(at, value + step);
      const double above = loss();
      in.at(name).set(at, value - step);
      const double slope = (above - loss()) / (2 * step);
      in.at(name).set(at, value);
      CHECK(grads.at(std::string("d_") + name).get(at) == doctest::Approx(slope).epsilon(1e-5));
    }
}
