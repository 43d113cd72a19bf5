// The cpu path's blocks of places: longer than one, and cut where too many partial results would lie in memory at once.
#include "vmoba_test.hpp"

using namespace vmoba_test;

TEST_CASE("more rows than one block, more choices than one cut, keys shared by heads") {
  if (on_gpu()) return;
  const Video video{{6, 20, 20}, {1, 4, 4}};  // 2400 tokens, 150 chunks of 16
  check({1, 1, 1, 2, 1, 8, 12, plugin::kF32}, video, {"topk", "query_head", 0, 20});
  check({1, 1, 1, 1, 1, 8, 8, plugin::kF64}, video, {"topk", "head_global", 0, 3});
}

TEST_CASE("rows whose keys lie far apart in size: the largest partial result rules the merge") {
  if (on_gpu()) return;
  const Video video{{4, 6, 8}, {2, 3, 4}};
  const Case c{2, video.tokens(), video.tokens(), 2, 1, 16, 16, plugin::kF32};
  const Meta meta = meta_of(video, {"topk", "query_head", 0, 8});  // every chunk: dense attention
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = 2;
  session.prepare();
  check_attention(session, c, random_inputs(c, 4));
}
