#include "vmoba_test.hpp"

using namespace vmoba_test;

namespace {

/// Chunks of one token whose key is the gate, and queries of 1: q_0 sees the gates as they are.
std::vector<int> chunks_of_first_query(const std::vector<double>& gates, const Choice& choice) {
  const auto n = static_cast<int64_t>(gates.size());
  const int32_t dim = on_gpu() ? 8 : 1;
  const Case c{1, n, n, 1, 1, dim, dim, type_for_device(plugin::kF32)};
  const Meta meta = meta_of({{n, 1, 1}, {1}}, choice);
  Session session(backend(), c, 0, meta.c());
  session.prepare();
  Tensors in = random_inputs(c);
  in.at("q").fill(std::vector<double>(gates.size() * static_cast<size_t>(dim), 1));
  in.at("k").fill(std::vector<double>(gates.size() * static_cast<size_t>(dim), 0));
  for (int64_t i = 0; i < n; ++i) in.at("k").set(i * dim, gates[static_cast<size_t>(i)]);
  const std::vector<bool> chosen = described_choice(session, c, in, n);
  std::vector<int> list;
  for (int chunk = 0; chunk < static_cast<int>(n); ++chunk)
    if (chosen[static_cast<size_t>(chunk)]) list.push_back(chunk);
  return list;
}

}  // namespace

TEST_CASE("the worked example: own 2, others 1, 3, 0") {
  const auto at = [](double threshold) {
    return chunks_of_first_query({2, 1, 3, 0}, {"threshold", "query_head", threshold, 2});
  };
  CHECK(at(0.25) == std::vector<int>{0, 2});
  CHECK(at(0.5) == std::vector<int>{0, 2});
  CHECK(at(0.9) == std::vector<int>{0, 1, 2});
  CHECK(at(1.0) == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("always one other, where there is one") {
  CHECK(chunks_of_first_query({9, 1}, {"threshold", "query_head", 0.25, 1}) == std::vector<int>{0, 1});
  CHECK(chunks_of_first_query({9}, {"threshold", "query_head", 0.25, 1}) == std::vector<int>{0});
  CHECK(chunks_of_first_query({9}, {"threshold", "overall", 0.25, 1}) == std::vector<int>{0});
}

TEST_CASE("equal gates: topk takes the lowest chunks, a threshold that no sum reaches takes all") {
  const std::vector<double> equal(6, 2.5);
  CHECK(chunks_of_first_query(equal, {"topk", "query_head", 0, 3}) == std::vector<int>{0, 1, 2});
  CHECK(chunks_of_first_query(equal, {"topk", "query_head", 0, 1}) == std::vector<int>{0});
  CHECK(chunks_of_first_query(equal, {"threshold", "query_head", 0.25, 1}).size() == 6);
  CHECK(chunks_of_first_query(equal, {"threshold", "overall", 0.25, 1}).size() == 6);
}

TEST_CASE("the own chunk is chosen with the worst gate") {
  for (const Choice& choice : seven_modes()) CHECK(chunks_of_first_query({-50, 1, 2, 3, 4}, choice)[0] == 0);
}

TEST_CASE("ties in every mode, inputs on a coarse lattice") {
  for (const Choice& choice : seven_modes())
    for (int trial = 0; trial < 6; ++trial) {
      CAPTURE(choice.mode);
      CAPTURE(choice.type);
      const Video video{{4, 4, 4}, {2, 2, 4}};
      Case c{2, video.tokens(), video.tokens(), 3, 3, 2, 4, plugin::kF32};
      if (on_gpu()) c.head_dim = c.v_head_dim = 8, c.dtype = plugin::kF16;
      Choice random = choice;
      random.threshold = std::uniform_real_distribution<double>(0, 1)(engine());
      random.topk = random_int(1, 5);
      const Meta meta = meta_of(video, random);
      Session session(backend(), c, 0, meta.c());
      session.problem().layer_index = video.layer();
      session.prepare();
      Tensors in = random_inputs(c);
      for (const char* name : {"q", "k"})
        for (int64_t i = 0; i < in.at(name).size(); ++i) in.at(name).set(i, static_cast<double>(random_int(-1, 1)));
      const std::vector<int> chunk = video.chunk_of_rows();
      CHECK(described_choice(session, c, in, 4) == expected_choice(c, chunk, random, in));
    }
}

TEST_CASE("gates that float32 cannot tell apart are equal, whatever they have in common") {
  const int64_t n = 12;
  const Case c{1, n, n, 1, 1, 8, 8, type_for_device(plugin::kF32)};
  for (const Choice& choice : {Choice{"topk", "query_head", 0, 3}, Choice{"topk", "head_global", 0, 3}}) {
    const Meta meta = meta_of({{n, 1, 1}, {1}}, choice);
    Session session(backend(), c, 0, meta.c());
    session.prepare();
    Tensors in = random_inputs(c);
    in.at("q").fill(std::vector<double>(static_cast<size_t>(n * 8), 1));
    in.at("k").fill(std::vector<double>(static_cast<size_t>(n * 8), 0));
    for (int64_t i = 0; i < n; ++i) {
      in.at("k").set(i * 8, 4096);
      in.at("k").set(i * 8 + 5, std::ldexp(static_cast<double>(i), -16));
    }
    // Ties by index: of [chunk, query] in the second case, where the first chunks are those of every query.
    const std::vector<bool> chosen = described_choice(session, c, in, n);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t chunk = 0; chunk < n; ++chunk) {
        const bool lowest = choice.type == "query_head" ? chunk < (i < 2 ? 3 : 2) : chunk < 2 || (chunk == 2 && i < 2);
        CHECK(chosen[static_cast<size_t>(i * n + chunk)] == (chunk == i || lowest));
      }
  }
}

TEST_CASE("domains that many blocks share, ties among them; more domains than run together") {
  const auto check_choice = [](const Video& video, Choice choice, int heads, bool lattice) {
    CAPTURE(choice.mode);
    CAPTURE(choice.type);
    Case c{1, video.tokens(), video.tokens(), heads, heads, 8, 8, type_for_device(plugin::kF32)};
    choice.threshold = std::uniform_real_distribution<double>(0.05, 0.7)(engine());
    choice.topk = random_int(2, 6);
    const Meta meta = meta_of(video, choice);
    Session session(backend(), c, 0, meta.c());
    session.problem().layer_index = video.layer();
    session.prepare();
    Tensors in = random_inputs(c);
    for (const char* name : {"q", "k"})
      for (int64_t i = 0; i < in.at(name).size() && lattice; ++i) in.at(name).set(i, static_cast<double>(random_int(-1, 1)));
    const std::vector<int> chunk = video.chunk_of_rows();
    CHECK(described_choice(session, c, in, chunk.back() + 1) == expected_choice(c, chunk, choice, in));
  };
  for (const Choice& choice : seven_modes()) check_choice({{4, 6, 6}, {1, 2, 2}}, choice, 3, true);
  check_choice({{520, 1, 1}, {1}}, {"threshold", "block"}, 1, false);
}

TEST_CASE("a chunk with NaN in its keys is not preferred") {
  for (const Choice& choice : seven_modes()) {
    Choice few = choice;
    few.threshold = 0;
    few.topk = 2;
    const double nan = std::nan("");
    const std::vector<int> chosen = chunks_of_first_query({1, nan, 2, 3}, few);
    if (few.type == "query_head") CHECK(chosen == std::vector<int>{0, 3});
    CHECK(chosen[0] == 0);
  }
}
