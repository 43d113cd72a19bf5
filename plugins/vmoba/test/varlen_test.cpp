#include "vmoba_test.hpp"

using namespace vmoba_test;

namespace {

Tensor as_tensor(const std::vector<double>& cu) { return Tensor(plugin::kI32, {static_cast<int64_t>(cu.size())}).fill(cu); }

/// Chunks of 24 tokens.
Meta packed_meta(const Choice& choice) { return meta_of({{1, 4, 6}, {1}}, choice); }

void check_packed(const std::vector<double>& cu, const Choice& choice) {
  CAPTURE(choice.mode);
  CAPTURE(choice.type);
  const auto rows = static_cast<int64_t>(cu.back());
  Case c{1, rows, rows, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  const Meta meta = packed_meta(choice);
  const Tensor boundaries = as_tensor(cu);
  Session session(backend(), c, kEverything | FVATTN_PROBLEM_VARLEN, meta.c(), {},
                  {{"cu_seqlens_q", boundaries}, {"cu_seqlens_k", boundaries}});
  REQUIRE(session.query().supported);
  session.prepare();
  const Tensors in = random_inputs(c);
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values();
  std::vector<int> sequence_of(static_cast<size_t>(rows)), chunk_of(sequence_of);
  std::vector<std::vector<bool>> chosen;
  std::vector<int> lengths, chunks;
  for (size_t s = 0; s + 1 < cu.size(); ++s) {
    const auto first = static_cast<std::ptrdiff_t>(cu[s]), end = static_cast<std::ptrdiff_t>(cu[s + 1]);
    std::vector<int> chunk;
    for (std::ptrdiff_t i = first; i < end; ++i) {
      chunk.push_back(static_cast<int>(i - first) / 24);
      sequence_of[static_cast<size_t>(i)] = static_cast<int>(s), chunk_of[static_cast<size_t>(i)] = chunk.back();
    }
    lengths.push_back(static_cast<int>(end - first));
    chunks.push_back(chunk.empty() ? 0 : chunk.back() + 1);
    if (chunk.empty()) {
      chosen.emplace_back();
      continue;
    }
    const auto part = [&](const std::vector<double>& x) {
      return std::vector<double>(x.begin() + first * 16, x.begin() + end * 16);
    };
    chosen.push_back(select({chunk, 2, 2, 8, part(q), part(k), choice.mode, choice.type, choice.threshold, choice.topk}));
  }
  c.visible = [&](int64_t, int64_t h, int64_t i, int64_t j) {
    const auto s = static_cast<size_t>(sequence_of[static_cast<size_t>(i)]);
    if (sequence_of[static_cast<size_t>(j)] != static_cast<int>(s)) return false;
    const int64_t row = h * lengths[s] + i - static_cast<int64_t>(cu[s]);
    return bool{chosen[s][static_cast<size_t>(row * chunks[s] + chunk_of[static_cast<size_t>(j)])]};
  };
  check_attention(session, c, in);
}

}  // namespace

TEST_CASE("packed sequences of unequal lengths, in every mode") {
  for (const Choice& choice : seven_modes()) {
    check_packed(on_gpu() ? std::vector<double>{0, 70, 71, 71, 95, 130} : std::vector<double>{0, 150, 151, 151, 199, 280},
                 choice);
    check_packed({0, 10}, choice);
  }
}

TEST_CASE("packed sequences in a dense step") {
  Meta meta = packed_meta({"topk", "query_head"});
  meta.set("dense_layers", std::vector<int64_t>{0});
  Case c{1, 100, 100, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  c.visible = [](int64_t, int64_t, int64_t i, int64_t j) { return (i < 30) == (j < 30); };
  const Tensor boundaries = as_tensor({0, 30, 100});
  Session session(backend(), c, kEverything | FVATTN_PROBLEM_VARLEN, meta.c(), {},
                  {{"cu_seqlens_q", boundaries}, {"cu_seqlens_k", boundaries}});
  session.prepare();
  const Tensors in = random_inputs(c);
  check_attention(session, c, in);
  Tensors out{{"tile_counts", Tensor(plugin::kI64, {2})},
              {"mask_tiles", Tensor(plugin::kU8, {1, 2, 2, 2})},
              {"pairs", Tensor(plugin::kI64, {1})}};
  session.describe(in, out);
  CHECK(out.at("mask_tiles").values() == std::vector<double>{1, 0, 0, 1, 1, 0, 0, 1});
  CHECK(out.at("pairs").get(0) == 2 * (30 * 30 + 70 * 70));
}

TEST_CASE("boundaries that do not fit, and layers with boxes, are errors with a reason") {
  if (on_gpu()) return;  // boundaries in device memory are the caller's word
  const Case c{1, 100, 100, 1, 1, 8, 8, plugin::kF32};
  const auto message = [&](const std::vector<double>& cu_q, const std::vector<double>& cu_k, int layer = 0) -> std::string {
    const Meta meta = packed_meta({"topk", "query_head"});
    Session session(backend(), c, FVATTN_PROBLEM_VARLEN, meta.c(), {},
                    {{"cu_seqlens_q", as_tensor(cu_q)}, {"cu_seqlens_k", as_tensor(cu_k)}});
    session.problem().layer_index = layer;
    try {
      session.prepare();
      session.forward(random_inputs(c));
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "no error";
  };
  CHECK(message({0, 40, 100}, {0, 40, 100}) == "no error");
  CHECK(message({0, 40, 99}, {0, 40, 99}).find("to the 100 tokens") != std::string::npos);
  CHECK(message({0, 70, 60, 100}, {0, 70, 60, 100}).find("must rise") != std::string::npos);
  CHECK(message({0, 40, 100}, {0, 50, 100}).find("differ") != std::string::npos);
  CHECK(message({0, 40, 100}, {0, 40, 100}, 1).find("VARLEN") != std::string::npos);
}
