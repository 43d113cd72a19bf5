// What the tests of VMOBA_ATTN share: a video, its chunks and a rule, run through a session and compared with the oracle.
#pragma once

#include "meta.hpp"
#include "oracle.hpp"

#include <fvattn/testing.hpp>

#include <doctest/doctest.h>

namespace vmoba_test {

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;

const fvattn_backend& backend();

inline std::mt19937_64& engine() {
  static std::mt19937_64 numbers = [] {
    const char* given = std::getenv("FVATTN_TEST_SEED");
    const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FVATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return numbers;
}
inline int64_t random_int(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine()); }

inline double tolerance(Dtype dtype) {
  return dtype == plugin::kF64 ? 1e-12 : dtype == plugin::kF32 ? 1e-5 : dtype == plugin::kF16 ? 2e-3 : 1e-2;
}

/// `on_cpu`, or on a GPU one of the types that GPUs have.
inline Dtype type_for_device(Dtype on_cpu, Dtype elsewhere = plugin::kBF16) { return on_gpu() ? elsewhere : on_cpu; }

/// box of 1 value: frames. Layer 0 is 1-D, 1 is 2-D, 2 is 3-D.
struct Video {
  std::vector<int64_t> grid;
  std::vector<double> box;

  int64_t tokens() const { return grid[0] * grid[1] * grid[2]; }
  int layer() const { return static_cast<int>(box.size()) - 1; }
  std::vector<int> chunk_of_rows() const {
    std::vector<int> chunk;
    const auto per = static_cast<int64_t>(box[0] * static_cast<double>(grid[1] * grid[2]));
    for (int64_t row = 0; row < tokens(); ++row) {
      int64_t number = 0;
      if (box.size() == 1) {
        number = row / per;
      } else {
        const int64_t position[] = {row / (grid[1] * grid[2]), row / grid[2] % grid[1], row % grid[2]};
        for (size_t axis = 3 - box.size(); axis < 3; ++axis) {
          const auto side = static_cast<int64_t>(box[axis - (3 - box.size())]);
          number = number * (grid[axis] / side) + position[axis] / side;
        }
      }
      chunk.push_back(static_cast<int>(number));
    }
    return chunk;
  }
};

struct Choice {
  std::string mode, type;
  double threshold = 0.25;
  int64_t topk = 3;
};
inline const std::vector<Choice>& seven_modes() {
  static const std::vector<Choice> all{{"topk", "query_head"},      {"topk", "head_global"},      {"topk", "overall"},
                                       {"threshold", "query_head"}, {"threshold", "head_global"}, {"threshold", "overall"},
                                       {"threshold", "block"}};
  return all;
}

inline Meta meta_of(const Video& video, const Choice& choice) {
  Meta meta;
  meta.set("dit_seq_shape", video.grid).set("temporal_topk", choice.topk).set("spatial_topk", choice.topk);
  meta.set("st_topk", choice.topk).set("temporal_chunk_size", 1).set("spatial_chunk_size", {1, 1});
  meta.set("st_chunk_size", {1, 1, 1}).set("moba_select_mode", choice.mode.c_str()).set("moba_threshold", choice.threshold);
  meta.set("moba_threshold_type", choice.type.c_str());
  if (video.box.size() == 1) return meta.set("temporal_chunk_size", video.box[0]);
  return meta.set(video.box.size() == 2 ? "spatial_chunk_size" : "st_chunk_size",
                  std::vector<int64_t>(video.box.begin(), video.box.end()));
}

inline Tensors random_inputs(const Case& c, double sigma = 1) {
  Tensors in;
  in.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine()));
  return in;
}

/// The oracle's choice [batch, heads, rows, chunks] for these inputs.
inline std::vector<bool> expected_choice(const Case& c, const std::vector<int>& chunk, const Choice& choice,
                                         const Tensors& in) {
  std::vector<bool> all;
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values();
  const auto part = [&](const std::vector<double>& x, int64_t b) {
    const auto size = static_cast<int64_t>(x.size()) / c.batch;
    return std::vector<double>(x.begin() + b * size, x.begin() + (b + 1) * size);
  };
  for (int64_t b = 0; b < c.batch; ++b) {
    const std::vector<bool> one = select({chunk, c.heads, c.kv_heads, c.head_dim, part(q, b), part(k, b), choice.mode,
                                          choice.type, choice.threshold, choice.topk});
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

/// Case::visible of a choice.
inline auto sees(const Case& c, std::vector<int> chunk, std::vector<bool> chosen) {
  const int64_t chunks = *std::max_element(chunk.begin(), chunk.end()) + 1;
  return [chunk, chosen, chunks, heads = int64_t{c.heads}, rows = c.q_len](int64_t b, int64_t h, int64_t i, int64_t j) {
    return chosen[static_cast<size_t>(((b * heads + h) * rows + i) * chunks + chunk[static_cast<size_t>(j)])];
  };
}

/// What describe says that a call attends, [batch, heads, rows, chunks].
inline std::vector<bool> described_choice(Session& session, const Case& c, const Tensors& in, int64_t chunks) {
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {c.batch, c.heads, c.q_len, chunks})}};
  session.describe(in, out);
  const std::vector<double> marks = out.at("mask_tiles").values();
  return std::vector<bool>(marks.begin(), marks.end());
}

inline double lse_error(std::vector<double> got, std::vector<double> want) {
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isinf(want[i]) && got[i] == want[i]) got[i] = want[i] = 0;
  return relative_l2(got, want);
}

/// o, lse and gradients of a prepared session (NEED_LSE, NEED_GRAD) against c.visible.
inline void check_attention(Session& session, const Case& c, const Tensors& in) {
  const Tensor d_o = Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine());
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  const Reference want = reference_forward(c, q, k, v);
  const Gradients want_grads = reference_backward(c, q, k, v, d_o.values());
  const double limit = tolerance(c.dtype);
  CHECK(relative_l2(out.at("o").values(), want.o) <= limit);
  CHECK(lse_error(out.at("lse").values(), want.lse) <= std::max(limit, 1e-6));
  CHECK(relative_l2(grads.at("d_q").values(), want_grads.q) <= 4 * limit);
  CHECK(relative_l2(grads.at("d_k").values(), want_grads.k) <= 4 * limit);
  CHECK(relative_l2(grads.at("d_v").values(), want_grads.v) <= 4 * limit);
}

inline constexpr uint32_t kEverything = FVATTN_PROBLEM_NEED_LSE | FVATTN_PROBLEM_NEED_GRAD;

/// One video in full: which chunks, and forward, lse, gradients. c.q_len, kv_len and visible are set here.
inline void check(Case c, const Video& video, const Choice& choice, bool with_attention = true) {
  c.q_len = c.kv_len = video.tokens();
  CAPTURE(video.grid[0]);
  CAPTURE(video.grid[1]);
  CAPTURE(video.grid[2]);
  CAPTURE(video.box.size());
  CAPTURE(video.box[0]);
  CAPTURE(choice.mode);
  CAPTURE(choice.type);
  CAPTURE(choice.threshold);
  CAPTURE(choice.topk);
  CAPTURE(c.batch);
  CAPTURE(plugin::to_string(c.dtype));
  const Meta meta = meta_of(video, choice);
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = video.layer();
  const Answer answer = session.query();
  REQUIRE_MESSAGE(answer.supported, answer.text());
  session.prepare();
  const Tensors in = random_inputs(c);
  const std::vector<int> chunk = video.chunk_of_rows();
  const std::vector<bool> chosen = expected_choice(c, chunk, choice, in);
  CHECK(described_choice(session, c, in, chunk.back() + 1) == chosen);
  if (!with_attention) return;
  c.visible = sees(c, chunk, chosen);
  check_attention(session, c, in);
}

}  // namespace vmoba_test
