#include "vmoba_test.hpp"

using namespace vmoba_test;

namespace {

constexpr int64_t kTokens = 2 * 4 * 6;

/// The text of what goes wrong in meta_build or plan, "" when nothing does.
std::string error_of(const Meta& meta, int layer = 0, int sp_world = 1) {
  const Case c{1, kTokens, kTokens, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = layer;
  session.problem().sp_world = sp_world;
  try {
    session.prepare();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

Meta good() { return meta_of({{2, 4, 6}, {1}}, {"topk", "query_head"}); }

bool has(const std::string& text, std::string_view part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

/// Whether the result is that of dense attention.
bool runs_dense(const Meta& meta, int64_t step, int layer) {
  const Case c{1, kTokens, kTokens, 2, 2, 8, 8, type_for_device(plugin::kF64)};
  Session session(backend(), c, kEverything, meta.c());
  session.problem().layer_index = layer;
  session.prepare();
  session.call().step = step;
  const Tensors in = random_inputs(c);
  const Reference dense = reference_forward(c, in.at("q").values(), in.at("k").values(), in.at("v").values());
  const Tensors out = session.forward(in);
  const bool is_dense = relative_l2(out.at("o").values(), dense.o) <= tolerance(c.dtype);
  if (is_dense) check_attention(session, c, in);
  return is_dense;
}

}  // namespace

TEST_CASE("good metadata") {
  for (int layer = 0; layer < 6; ++layer) CHECK(error_of(good(), layer) == "");
  Meta latent = good();
  latent.remove("dit_seq_shape").set("raw_latent_shape", {2, 8, 12});
  CHECK(error_of(latent) == "");
  CHECK(error_of(latent.set("patch_resolution", {2, 4, 6})) == "");
}

TEST_CASE("the reference's two files") {
  Meta first, second;
  first.set("temporal_chunk_size", 2).set("temporal_topk", 2).set("spatial_chunk_size", {4, 13}).set("spatial_topk", 6);
  first.set("st_chunk_size", {4, 4, 13}).set("st_topk", 18).set("moba_select_mode", "topk").set("moba_threshold", 0.25);
  first.set("moba_threshold_type", "query_head").set("dit_seq_shape", {4, 4, 26});
  second.set("temporal_chunk_size", 2).set("temporal_topk", 3).set("spatial_chunk_size", {3, 4}).set("spatial_topk", 20);
  second.set("st_chunk_size", {4, 6, 4}).set("st_topk", 15).set("moba_select_mode", "threshold").set("moba_threshold", 0.25);
  second.set("moba_threshold_type", "query_head").set("dit_seq_shape", {4, 12, 8});
  for (const auto& [meta, tokens] : {std::pair<const Meta*, int64_t>{&first, 416}, {&second, 384}})
    for (int layer = 0; layer < 3; ++layer) {
      const Case c{1, tokens, tokens, 1, 1, 8, 8, type_for_device(plugin::kF32)};
      Session session(backend(), c, 0, meta->c());
      session.problem().layer_index = layer;
      session.prepare();
      for (const double x : session.forward(random_inputs(c)).at("o").values()) REQUIRE(std::isfinite(x));
    }
}

TEST_CASE("what does not fit is an error that names it") {
  const auto with = [](auto... key_value) {
    Meta meta = good();
    meta.set(key_value...);
    return meta;
  };
  const std::vector<int64_t> two{4, 5}, three{2, 3, 3}, four{1, 1, 1, 1};
  has(error_of(with("spatial_chunk_size", two), 1),
      "spatial patch_resolution [4, 6] should be divisible by 2d chunk_size [4, 5]");
  has(error_of(with("spatial_chunk_size", two), 1), "spatial_chunk_size");
  CHECK(error_of(with("spatial_chunk_size", two), 0) == "");  // layer 0 has other chunks
  has(error_of(with("st_chunk_size", three), 2),
      "patch_resolution [2, 4, 6] should be divisible by 3d chunk_size [2, 3, 3]");
  has(error_of(with("st_chunk_size", four)), "st_chunk_size");
  has(error_of(with("temporal_chunk_size", 0.0)), "temporal_chunk_size");
  has(error_of(with("temporal_chunk_size", 0.01)), "temporal_chunk_size");
  has(error_of(with("temporal_topk", 0)), "temporal_topk is 0");
  has(error_of(with("moba_select_mode", "best")), "Invalid select_mode: best");
  has(error_of(with("moba_threshold_type", "head")), "Invalid threshold_type: head");
  const std::string block = error_of(with("moba_threshold_type", "block"));
  has(block, "Invalid threshold_type: block");
  has(block, "query_head, head_global and overall are accepted");
  has(error_of(with("dit_seq_shape", std::vector<int64_t>{2, 4, 5})), "has 40 tokens, q has 48");
  has(error_of(with("dit_seq_shape", two)), "dit_seq_shape");
  has(error_of(with("raw_latent_shape", std::vector<int64_t>{2, 8, 14})), "two token grids");
  has(error_of(with("raw_latent_shape", std::vector<int64_t>{2, 8, 13})), "patch_size 2 does not divide");
  has(error_of(good().remove("dit_seq_shape")), "token grid is missing");
  has(error_of(good().remove("st_topk")), "st_topk is missing");
  Meta no_layer = good();
  no_layer.set("temporal_layer", 0).set("spatial_layer", 0).set("st_layer", 0);
  has(error_of(no_layer), "temporal_layer, spatial_layer and st_layer are 0, 0 and 0");
}

TEST_CASE("selections that compare heads need all heads") {
  Meta meta = good();
  for (const char* type : {"overall", "block"}) {
    meta.set("moba_select_mode", "threshold").set("moba_threshold_type", type);
    CHECK(error_of(meta) == "");
    has(error_of(meta, 0, 2), "SP_LAYOUT");
  }
  for (const char* type : {"query_head", "head_global"}) CHECK(error_of(meta.set("moba_threshold_type", type), 0, 2) == "");
}

TEST_CASE("no metadata is an error of plan, not of query") {
  const Case c{1, kTokens, kTokens, 2, 2, 8, 8, type_for_device(plugin::kF32)};
  Session session(backend(), c, 0);
  session.problem().meta = {};
  CHECK(session.query().supported);
}

TEST_CASE("first_full_step and first_full_layer do what the reference does, unless full_warmup") {
  Meta meta = good();
  meta.set("temporal_topk", 1).set("spatial_topk", 1).set("st_topk", 1).set("first_full_step", 3).set("first_full_layer", 1);
  CHECK_FALSE(runs_dense(meta, 0, 0));
  CHECK_FALSE(runs_dense(meta, 0, 1));
  meta.set("full_warmup", true);
  CHECK(runs_dense(meta, 2, 1));
  CHECK(runs_dense(meta, 3, 0));
  CHECK_FALSE(runs_dense(meta, 3, 1));
}

TEST_CASE("dense steps and layers") {
  Meta meta = good();
  meta.set("temporal_topk", 1).set("spatial_topk", 1).set("st_topk", 1);
  meta.set("dense_steps", std::vector<int64_t>{0, 2}).set("dense_layers", std::vector<int64_t>{4});
  CHECK(runs_dense(meta, 0, 0));
  CHECK_FALSE(runs_dense(meta, 1, 0));
  CHECK(runs_dense(meta, 1, 4));
  CHECK(runs_dense(meta, 2, 1));
  meta.set("spatial_chunk_size", {4, 5});  // layer 4 has no use for it
  CHECK(runs_dense(meta, 1, 4));
}

TEST_CASE("first_full_layer shifts the turns") {
  // Two turns of 2-D layers cannot be built on this grid, so the layer that has them fails.
  Meta meta = good();
  meta.set("spatial_chunk_size", {4, 5}).set("first_full_layer", 2);
  CHECK(error_of(meta, 2) == "");
  CHECK(error_of(meta, 1) == "");
  has(error_of(meta, 0), "2d chunk_size");
  has(error_of(meta, 3), "2d chunk_size");
}
