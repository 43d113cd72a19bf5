// Strategies by step, layer and rank; what is refused, and how.
#include "sta_test.hpp"

#include <fstream>
#include <unistd.h>

using namespace sta_test;

namespace {

const Rule kRule{{2, 6, 8}, {1, 1, 1}, 0};

/// A full table [2 steps][3 layers][4 heads]; no two entries attend the same tiles.
Window entry(int t, int l, int h) { return {1 + t, 1 + 2 * l, 1 + 2 * h}; }
std::vector<double> table() {
  std::vector<double> values;
  for (int t = 0; t < 2; ++t)
    for (int l = 0; l < 3; ++l)
      for (int h = 0; h < 4; ++h)
        for (const int extent : entry(t, l, h)) values.push_back(extent);
  return values;
}

std::string file_of_table() {
  const std::string path = "sta_strategy_" + std::to_string(getpid()) + ".json";
  std::ofstream file(path);
  const char* separator = "{";
  for (int t = 0; t < 2; ++t)
    for (int l = 0; l < 3; ++l)
      for (int h = 0; h < 4; ++h, separator = ",") {
        const Window w = entry(t, l, h);
        file << separator << '"' << t << '_' << l << '_' << h << "\": [" << w[0] << "," << w[1] << "," << w[2] << "]\n";
      }
  file << "}";
  return path;
}

/// Heads 2 and 3 of 4, at a layer and step; `options` as the impl gets them.
void check_strategy(const Meta& meta, int layer, int64_t step, int64_t total, int row, fvattn_kvs options = {}) {
  Case c = kRule.problem(2, 2, 8, 8, plugin::kF64);
  c.visible = [=](int64_t, int64_t h, int64_t i, int64_t j) {
    return kRule.sees(entry(row, layer, static_cast<int>(h) + 2), i, j);
  };
  Session session(backend(), c, kAll, meta.c(), options);
  session.problem().layer_index = layer;
  session.problem().heads_global = 4;
  session.problem().head_offset = 2;
  session.call().step = step;
  session.call().total_steps = total;
  session.prepare();
  CHECK((session.plan().flags & FVATTN_PLAN_GRAPH_PER_STEP) != 0);
  check(session, c);
}

std::string trouble(const Meta& meta, int64_t step = 0, int layer = 0, fvattn_kvs options = {}, int32_t heads = 2) {
  const Case c = kRule.problem(heads, heads, 8, 8, plugin::kF32);
  return message([&] {
    Session session(backend(), c, 0, meta.c(), options);
    session.problem().layer_index = layer;
    session.call().step = step;
    session.prepare();
    session.forward(random_inputs(c));
  });
}

bool says(const std::string& text, const char* part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("windows of a strategy: step, layer, the rank's heads") {
  const Meta nested = kRule.meta().tensor("STA_param", {2, 3, 4, 3}, table());
  check_strategy(nested, 0, 0, 0, 0);
  check_strategy(nested, 2, 1, 0, 1);
  const std::string path = file_of_table();
  check_strategy(kRule.meta().text("STA_param", path), 1, 1, 50, 1);
  const Meta option = Meta().text("FASTVIDEO_ATTENTION_CONFIG", path);
  check_strategy(kRule.meta(), 2, 1, 0, 1, option.c());
  const Meta rescaled = kRule.meta().text("STA_param", path).flag("STA_rescale_steps", true);
  check_strategy(rescaled, 1, 24, 50, 0);
  check_strategy(rescaled, 1, 25, 50, 1);
  std::remove(path.c_str());
}

TEST_CASE("the other names of the grid") {
  Meta meta;
  meta.list("raw_latent_shape", {2, 12, 17}).list("tile_size", {1, 2, 2}).list("window_size", {1, 1, 3});
  CHECK(trouble(meta) == "no error");
  CHECK(trouble(Meta().list("patch_resolution", {2, 6, 8}).list("window_size", {1, 1, 3})) == "no error");
  const Meta both = kRule.meta().list("raw_latent_shape", {2, 12, 18}).list("window_size", {1, 1, 1});
  CHECK(says(trouble(both), "different token grids"));
}

TEST_CASE("what metadata is refused, naming the key") {
  const auto one = [] { return kRule.meta().list("window_size", {1, 1, 1}); };
  CHECK(trouble(one()) == "no error");
  CHECK(says(trouble(Meta().list("window_size", {1, 1, 1})), "dit_seq_shape is missing"));
  CHECK(says(trouble(Meta().list("dit_seq_shape", {2, 6, 7}).list("window_size", {1, 1, 1})), "2 x 6 x 7, has 84 tokens"));
  CHECK(says(trouble(Meta().list("dit_seq_shape", {2, 6})), "dit_seq_shape: got [2, 6]"));
  CHECK(says(trouble(kRule.meta()), "FASTVIDEO_ATTENTION_CONFIG is not set"));
  CHECK(says(trouble(kRule.meta().list("window_size", {3, 0, 3})), "window_size: got [3, 0, 3]"));
  CHECK(says(trouble(kRule.meta().list("window_size", {3, 3})), "window_size"));
  CHECK(says(trouble(kRule.meta().windows("window_size", {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}})), "3 windows"));
  CHECK(says(trouble(one().text("STA_mode", "STA_tuning")), "configure_sta"));
  CHECK(says(trouble(one().text("STA_mode", "dense")), "STA_mode"));
  CHECK(says(trouble(one().text("layout", "tile")), "layout"));
  CHECK(says(trouble(one().text("STA_mode", "STA_searching")), "mask_candidates is required for STA_searching mode"));
  CHECK(says(trouble(one().windows("mask_candidates", {{1, 1, 1}})), "STA_searching only"));
  CHECK(says(trouble(one().tensor("STA_param", {2, 3, 4, 3}, table())), "both"));
  CHECK(says(trouble(one().list("dense_steps", {-1})), "dense_steps"));
}

TEST_CASE("what a strategy does not have is refused where it is needed") {
  const auto nested = [](std::vector<double> values) {
    return kRule.meta().tensor("STA_param", {2, 3, 4, 3}, values);
  };
  CHECK(says(trouble(nested(table()), 2), "step 2 is not in the strategy (STA_param), which has 2 steps"));
  CHECK(says(trouble(nested(table()), 0, 3), "layer 3 is not in the strategy"));
  CHECK(says(trouble(nested(table()), 0, 0, {}, 5), "5 heads"));
  std::vector<double> holed = table();
  std::fill_n(holed.begin() + 3, 3, -1);  // 0_0_1
  CHECK(trouble(nested(holed), 1) == "no error");
  CHECK(says(trouble(nested(holed), 0), "\"0_0_1\""));
  holed[3] = 2;
  CHECK(says(trouble(nested(holed), 1), "STA_param: got [2, -1, -1]"));
  CHECK(says(trouble(kRule.meta().text("STA_param", "/nonexistent/s.json")), "/nonexistent/s.json cannot be read"));
  CHECK(says(trouble(nested(table()).flag("STA_rescale_steps", true)), "total_steps"));
}

TEST_CASE("what problems are refused, with the reason") {
  const auto reasons = [](Case c, uint32_t flags = 0, double dropout = 0, int64_t text = 0) {
    Session session(backend(), c, flags);
    session.problem().dropout_p = dropout;
    session.problem().text_len = text;
    return session.query().reasons;
  };
  const Case good{2, 96, 96, 2, 1, 8, 8, plugin::kF32};
  CHECK(reasons(good) == 0);
  CHECK(reasons(good, 0, 0, 95) == 0);
  CHECK(reasons(good, 0, 0, 96) == FVATTN_R_TEXT);
  CHECK(reasons(good, FVATTN_PROBLEM_CAUSAL) == FVATTN_R_CAUSAL);
  CHECK(reasons(good, FVATTN_PROBLEM_VARLEN) == FVATTN_R_VARLEN);
  CHECK(reasons(good, 0, 0.1) == FVATTN_R_DROPOUT);
  CHECK(reasons({2, 96, 97, 2, 1, 8, 8, plugin::kF32}) == FVATTN_R_SHAPE);
  CHECK(reasons({2, 96, 96, 3, 2, 8, 8, plugin::kF32}) == FVATTN_R_GQA);
  CHECK(reasons({2, 96, 96, 2, 1, 257, 8, plugin::kF32}) == FVATTN_R_HEAD_DIM);
  CHECK(reasons({2, 96, 96, 2, 1, 8, 8, plugin::kI32}) == FVATTN_R_DTYPE);
  Session masked(backend(), good, 0, {}, {}, {{"mask", Tensor(plugin::kBool, {96})}});
  CHECK(masked.query().reasons == FVATTN_R_MASK);
  CHECK((backend().flags & FVATTN_BACKEND_APPROXIMATE) != 0);
}
