// Gradients of gathered queries on GPUs: on Hopper by the sm90 engine, which gathers keys and queries by row.
#include "vmoba_test.hpp"

#include <fvattn/plugin/gpu/hopper.hpp>

using namespace vmoba_test;

namespace {

struct Shape {
  int64_t batch = 1, topk = 1, gap = 0;
  int heads = 1, kv_heads = 1, head_dim = 8;
  double scale = 0;  // 0: the default
  uint32_t flags = 0;
};

void check_gradients(const Video& video, const Shape& shape, const Choice& rule = {"topk", "query_head"}) {
  CAPTURE(video.grid[0]);
  CAPTURE(video.grid[1]);
  CAPTURE(video.grid[2]);
  CAPTURE(video.box[0]);
  CAPTURE(shape.topk);
  CAPTURE(shape.head_dim);
  Case c{shape.batch, video.tokens(), video.tokens(), shape.heads, shape.kv_heads, shape.head_dim, shape.head_dim,
         random_int(0, 1) != 0 ? plugin::kBF16 : plugin::kF16};
  c.gap = shape.gap;
  if (shape.scale != 0) c.scale = shape.scale;
  Choice choice = rule;
  choice.topk = shape.topk;
  const Meta meta = meta_of(video, choice);
  Session session(backend(), c, kEverything | shape.flags, meta.c());
  session.problem().layer_index = video.layer();
  session.prepare();
  const bool by_atomics = plugin::gpu::is_hopper(test_device()) && (shape.flags & FVATTN_PROBLEM_NEED_DETERMINISM) == 0;
  CHECK((session.plan().flags & FVATTN_PLAN_DETERMINISTIC) == (by_atomics ? 0u : uint32_t{FVATTN_PLAN_DETERMINISTIC}));
  const Tensors in = random_inputs(c);
  c.visible = sees(c, video.chunk_of_rows(), expected_choice(c, video.chunk_of_rows(), choice, in));
  check_attention(session, c, in);
}

}  // namespace

TEST_CASE("gradients: more keys than a tile, short last chunks, more queries than a tile") {
  if (!on_gpu()) return;
  check_gradients({{5, 1, 67}, {2}}, {.heads = 2});            // 134, 134, 67 keys
  check_gradients({{2, 1, 131}, {0.99}}, {.head_dim = 64});    // 129, 129, 4
  check_gradients({{4, 1, 77}, {1}}, {.topk = 2, .head_dim = 128});
  check_gradients({{4, 1, 77}, {1}}, {.topk = 2, .head_dim = 72, .flags = FVATTN_PROBLEM_NEED_DETERMINISM});
}

TEST_CASE("gradients: boxes, batch, groups of heads, gaps between rows, scales") {
  if (!on_gpu()) return;
  check_gradients({{4, 6, 6}, {3, 3}}, {.batch = 2, .topk = 2, .gap = 8, .heads = 2, .head_dim = 72});
  check_gradients({{4, 6, 8}, {2, 6, 4}}, {.topk = 2, .heads = 4, .kv_heads = 2, .head_dim = 24});
  check_gradients({{10, 2, 34}, {5, 1, 34}}, {.head_dim = 128, .scale = -0.3});
}

TEST_CASE("gradients: some heads have too many chosen chunks for lists") {
  if (!on_gpu()) return;
  check_gradients({{2, 4, 18}, {1, 1, 6}}, {.topk = 7, .heads = 2}, {"topk", "head_global"});
  check_gradients({{2, 4, 18}, {1, 1, 6}}, {}, {"threshold", "query_head", 0.4});
  check_gradients({{4, 4, 18}, {1, 1, 6}}, {}, {"threshold", "overall", 0.2});  // lists of two passes
}
