// The gathered form on GPUs: on Hopper by the sm90 engine, which cuts chunks of every shape into copies.
#include "vmoba_test.hpp"

using namespace vmoba_test;

namespace {

/// Of gpu/dispatch.hpp.
enum { kDense80, kMasked, kGathered80, kGathered90, kDense90 };

int gathered_here() {
  const char* sm = std::getenv("FVATTN_EMULATED_SM");
  return sm != nullptr && std::string_view(sm) == "90" ? kGathered90 : kGathered80;
}

std::vector<double> forms_of(Session& session, const Case& c, const Tensors& in) {
  Tensors out{{"forms", Tensor(plugin::kI32, {c.batch, c.heads})}};
  session.describe(in, out);
  return out.at("forms").values();
}

struct Shape {
  int64_t batch = 1, topk = 1, gap = 0;
  int heads = 1, kv_heads = 1, head_dim = 8;
  double scale = 0;  // 0: the default
};

/// o and lse, and that the form is the one expected. Backward has tests of its own.
void check_forward(const Video& video, const Shape& shape, int form) {
  CAPTURE(video.grid[0]);
  CAPTURE(video.grid[1]);
  CAPTURE(video.grid[2]);
  CAPTURE(video.box[0]);
  CAPTURE(video.box.size());
  CAPTURE(shape.topk);
  CAPTURE(shape.head_dim);
  Case c{shape.batch, video.tokens(), video.tokens(), shape.heads, shape.kv_heads, shape.head_dim, shape.head_dim,
         random_int(0, 1) != 0 ? plugin::kBF16 : plugin::kF16};
  c.gap = shape.gap;
  if (shape.scale != 0) c.scale = shape.scale;
  const Choice choice{"topk", "query_head", 0, shape.topk};
  const Meta meta = meta_of(video, choice);
  Session session(backend(), c, FVATTN_PROBLEM_NEED_LSE, meta.c());
  session.problem().layer_index = video.layer();
  session.prepare();
  const Tensors in = random_inputs(c);
  CHECK(forms_of(session, c, in) == std::vector<double>(static_cast<size_t>(c.batch * c.heads), form));
  const std::vector<int> chunk = video.chunk_of_rows();
  c.visible = sees(c, chunk, expected_choice(c, chunk, choice, in));
  const Tensors out = session.forward(in);
  const Reference want = reference_forward(c, in.at("q").values(), in.at("k").values(), in.at("v").values());
  CHECK(relative_l2(out.at("o").values(), want.o) <= tolerance(c.dtype));
  CHECK(lse_error(out.at("lse").values(), want.lse) <= tolerance(c.dtype));
}

}  // namespace

TEST_CASE("chunks of runs: more keys than a tile, short last ones") {
  if (!on_gpu()) return;
  for (const Video& video : {Video{{5, 1, 67}, {2}},        // 134, 134, 67: two steps, one
                             Video{{2, 1, 131}, {0.99}},    // 129, 129, 4
                             Video{{3, 1, 96}, {1}}, Video{{3, 1, 97}, {1}}, Video{{4, 1, 25}, {1.8}}})
    check_forward(video, {.topk = 1, .heads = 2}, gathered_here());
  check_forward({{4, 1, 77}, {1}}, {.topk = 2, .head_dim = 128}, gathered_here());
  check_forward({{4, 1, 133}, {0.5}}, {.topk = 3, .head_dim = 64}, gathered_here());
}

TEST_CASE("chunks of boxes: whole frames, rows, parts of rows, and what leaves most of a tile empty") {
  if (!on_gpu()) return;
  for (const Video& video : {Video{{7, 6, 6}, {3, 3}},         // 63: all frames in one copy
                             Video{{9, 4, 8}, {4, 4}},         // 144: frames in uneven copies, the grid ends with the last
                             Video{{4, 6, 12}, {2, 6, 6}},     // 72
                             Video{{2, 20, 14}, {2, 10, 14}},  // 140 a frame: rows
                             Video{{2, 2, 130}, {1, 2, 130}}}) // a row is two copies
    check_forward(video, {.topk = 1, .heads = 2}, gathered_here());
  check_forward({{2, 2, 134}, {2, 1, 67}}, {.topk = 2}, gathered_here());
  check_forward({{10, 2, 34}, {5, 1, 34}}, {.topk = 1}, gathered_here());  // one frame at a time, a third of a tile
  check_forward({{4, 2, 20}, {1, 1, 20}}, {.topk = 1}, kGathered80);
}

TEST_CASE("batch, heads that share keys, gaps between rows, head dims, scales") {
  if (!on_gpu()) return;
  check_forward({{3, 4, 6}, {1}}, {.batch = 3, .topk = 1, .gap = 8, .heads = 4, .kv_heads = 2, .head_dim = 24, .scale = 0.3},
                gathered_here());
  check_forward({{4, 4, 6}, {2, 2, 6}}, {.batch = 2, .topk = 2, .heads = 3, .kv_heads = 1, .head_dim = 56}, gathered_here());
  check_forward({{4, 4, 10}, {2, 4, 5}}, {.topk = 1, .gap = 8, .head_dim = 104}, gathered_here());
  check_forward({{3, 4, 6}, {1}}, {.topk = 1, .scale = -0.4}, kGathered80);
}

TEST_CASE("more parts of a row than a half warp looks at together") {
  if (!on_gpu()) return;
  check_forward({{40, 1, 10}, {1}}, {.topk = random_int(17, 20)}, kGathered80);
}

TEST_CASE("more parts than lie in memory at once: several passes") {
  if (!on_gpu()) return;
  check_forward({{24, 1, 25}, {1}}, {.topk = 11}, gathered_here());
}

TEST_CASE("keys of other chunks do not matter, not even when they are no numbers") {
  if (!on_gpu()) return;
  for (const Video& video : {Video{{4, 1, 50}, {1}}, Video{{4, 4, 6}, {2, 4, 3}}, Video{{3, 4, 6}, {4, 3}}}) {
    Case c{1, video.tokens(), video.tokens(), 1, 1, 8, 8, plugin::kBF16};
    const Choice choice{"topk", "query_head", 0, 1};
    const Meta meta = meta_of(video, choice);
    Session session(backend(), c, 0, meta.c());
    session.problem().layer_index = video.layer();
    session.prepare();
    Tensors in = random_inputs(c);
    const std::vector<int> chunk = video.chunk_of_rows();
    const std::vector<double> before = session.forward(in).at("o").values();
    for (int64_t row = 0; row < c.kv_len; ++row)
      for (int64_t d = 0; d < 8 && chunk[static_cast<size_t>(row)] == 1; ++d)
        in.at("v").set(row * 8 + d, std::numeric_limits<double>::quiet_NaN());
    const std::vector<double> after = session.forward(in).at("o").values();
    for (int64_t row = 0; row < c.q_len; ++row)
      for (int64_t d = 0; d < 8; ++d) {
        const auto i = static_cast<size_t>(row * 8 + d);
        CHECK((chunk[static_cast<size_t>(row)] == 1 ? std::isnan(after[i]) : after[i] == before[i]));
      }
  }
}

TEST_CASE("a dense step attends everything") {
  if (!on_gpu()) return;
  for (const int head_dim : {40, 128}) {
    const Video video{{3, 5, 11}, {1}};
    const Case c{2, video.tokens(), video.tokens(), 4, 2, head_dim, head_dim, plugin::kBF16};
    Meta meta = meta_of(video, {"topk", "query_head", 0, 1});
    meta.set("dense_layers", std::vector<int64_t>{0});
    Session session(backend(), c, FVATTN_PROBLEM_NEED_LSE, meta.c());
    session.prepare();
    const Tensors in = random_inputs(c), out = session.forward(in);
    const Reference want = reference_forward(c, in.at("q").values(), in.at("k").values(), in.at("v").values());
    CHECK(relative_l2(out.at("o").values(), want.o) <= tolerance(c.dtype));
    CHECK(lse_error(out.at("lse").values(), want.lse) <= tolerance(c.dtype));
    CHECK(forms_of(session, c, in) == std::vector<double>(8, gathered_here() == kGathered90 ? kDense90 : kDense80));
  }
}

TEST_CASE("which form runs where") {
  if (!on_gpu()) return;
  const Video video{{8, 4, 6}, {1}};
  const auto forms = [&](const Choice& choice, uint32_t flags = 0) {
    Case c{1, video.tokens(), video.tokens(), 2, 2, 8, 8, plugin::kBF16};
    const Meta meta = meta_of(video, choice);
    const Tensor boundaries = Tensor(plugin::kI32, {2}).fill({0, static_cast<double>(video.tokens())});
    Tensors packed;
    if (flags != 0) packed = {{"cu_seqlens_q", boundaries}, {"cu_seqlens_k", boundaries}};
    Session session(backend(), c, flags, meta.c(), {}, packed);
    session.prepare();
    return forms_of(session, c, random_inputs(c));
  };
  const double here = gathered_here();
  CHECK(forms({"topk", "query_head", 0, 2}) == std::vector<double>{here, here});
  CHECK(forms({"topk", "query_head", 0, 2}, FVATTN_PROBLEM_VARLEN) == std::vector<double>{kGathered80, kGathered80});
  CHECK(forms({"topk", "query_head", 0, 6}) == std::vector<double>{kMasked, kMasked});
  CHECK(forms({"threshold", "query_head", 0, 1}) == std::vector<double>{here, here});
  CHECK(forms({"threshold", "query_head", 0.9, 1}) == std::vector<double>{kMasked, kMasked});
}
