#include "library_test.hpp"

#include <fvattn/sta/configuration.hpp>

#include <sstream>

using namespace fvattn::sta;
using sta_test::Folder;
using sta_test::message;

namespace {

const std::vector<std::string> kCandidates{"3, 1, 10", "1, 5, 7", "3, 3, 3"};

/// A search over 4 steps, 2 layers, 3 heads; the best candidate of (t, l, h) is (t + l + h) % 3.
SearchResult synthetic(double weight) {
  SearchRecorder recorder([](const std::vector<std::vector<double>>& local) {  // two ranks with the same heads
    std::vector<std::vector<double>> all = local;
    for (size_t c = 0; c < all.size(); ++c) all[c].push_back(local[c][0] + 5);
    return all;
  });
  for (int t = 0; t < 4; ++t)
    for (int l = 0; l < 2; ++l) {
      LayerLosses losses;
      for (int c = 0; c < 3; ++c) {
        losses.l2.push_back({});
        for (int h = 0; h < 2; ++h) losses.l2.back().push_back(weight * ((c - t - l - h) % 3 == 0 ? 0.1234567 : 1 + c));
      }
      losses.l1 = losses.l2;
      recorder.record(t, l, losses, false);
    }
  CHECK(recorder.negative().empty());
  return recorder.positive();
}

int best_of(int t, int l, int h) { return (t + l + h) % 3; }

}  // namespace

TEST_CASE("results are saved, found, read back and averaged") {
  const Folder folder;
  const std::string prompt = "a prompt/with " + std::string(60, 'x');
  const auto path = save_mask_search_results(synthetic(1), prompt, kCandidates, folder.path("pos"));
  REQUIRE(path);
  CHECK(*path == folder.path("pos/mask_search_a_prompt_with_" + std::string(36, 'x') + ".json"));
  folder.write("pos/mask_notes.txt", "not json");
  folder.write("pos/other.json", "not read");
  folder.write("pos/inner/mask_x.json", "not read");
  CHECK(!save_mask_search_results({}, "p", kCandidates, folder.path("none")));
  CHECK(!std::filesystem::exists(folder.path("none")));
  const std::vector<LossTables> read = read_specific_json_files(folder.path("pos"));
  REQUIRE(read.size() == 1);
  CHECK(read[0].l2_loss.size() == 3);
  CHECK(read[0].l1_loss.at("[3, 3, 3]")[3][1].size() == 3);
  CHECK(read[0].l2_loss.at("[3, 1, 10]")[0][0][0] == doctest::Approx(0.123457).epsilon(1e-12));  // six decimals
  save_mask_search_results(synthetic(3), "other", kCandidates, folder.path("pos"));
  const LossTables average = average_head_losses(read_specific_json_files(folder.path("pos")), {{3, 1, 10}, {1, 5, 7}});
  CHECK(average.l2_loss.size() == 2);
  CHECK(average.l2_loss.at("[1, 5, 7]")[0][0][0] == doctest::Approx(4));
  CHECK(average.l1_loss.empty());
  CHECK(message([&] { average_head_losses(read, {{9, 9, 9}}); }).find("[9, 9, 9]") != std::string::npos);
  CHECK(message([&] { average_head_losses({}, {}); }).find("no mask search results") != std::string::npos);
  CHECK(message([&] { read_specific_json_files(folder.path("absent")); }).find("cannot be read") != std::string::npos);
  folder.write("bad/mask_1.json", "{\"L2_loss\": {\"[1, 1, 1]\": [[1]]}}");
  CHECK(message([&] { read_specific_json_files(folder.path("bad")); }).find("[step][layer][head]") != std::string::npos);
}

TEST_CASE("tuning picks the least loss, full windows first, and writes the strategy") {
  const Folder folder;
  save_mask_search_results(synthetic(1), "p", kCandidates, folder.path("pos"));
  std::ostringstream report;
  StaArguments a;
  a.mask_candidates = kCandidates;
  a.mask_search_files_path = folder.path("pos");
  a.full_attention_mask = Window{3, 6, 10};
  a.skip_time_steps = 1;
  a.save_dir = folder.path("out");
  a.report = &report;
  const WindowList3d list = configure_sta("STA_tuning", 2, 4, 2, a);
  double volumes = 0;
  for (int t = 0; t < 4; ++t)
    for (int l = 0; l < 2; ++l)
      for (int h = 0; h < 2; ++h) {
        const Window want = t < 1 ? Window{3, 6, 10} : parse_window(kCandidates[static_cast<size_t>(best_of(t, l, h))]);
        CHECK(*list[static_cast<size_t>(t)][static_cast<size_t>(l)][static_cast<size_t>(h)] == want);
        volumes += static_cast<double>(volume(want));
      }
  char sparsity[64];
  std::snprintf(sparsity, sizeof sparsity, "Overall sparsity: %.4f\n", 1 - volumes / (16 * 180));
  CHECK(report.str().find(sparsity) != std::string::npos);
  CHECK(report.str().find("Strategy [3, 6, 10]: 4 heads (25.00%)") != std::string::npos);
  StaArguments load;
  load.load_path = folder.path("out/mask_strategy_s1.json");
  CHECK(configure_sta(STA_Mode::STA_INFERENCE, 2, 4, 2, load) == list);
  const WindowList3d wider = configure_sta("STA_inference", 3, 2, 2, load);  // what the file lacks stays empty
  CHECK(wider.size() == 2);
  CHECK(!wider[0][2][0]);
  CHECK(load_mask_strategy(load.load_path).windows.size() == 16);

  // Without a full mask the last candidate plays full and is not chosen by its loss.
  a.full_attention_mask.reset();
  a.save_dir = "";
  a.skip_time_steps.reset();  // 12: every step is full
  for (const auto& layers : configure_sta("STA_tuning", 2, 4, 2, a))
    for (const auto& heads : layers)
      for (const auto& window : heads) CHECK(*window == Window{3, 3, 3});

  // Both folders count: with the heavier negative results nothing changes, with one of them missing it is refused.
  save_mask_search_results(synthetic(3), "p", kCandidates, folder.path("neg"));
  a.mask_search_files_path_pos = folder.path("pos");
  a.save_dir = folder.path("cfg");
  const char* needs =
      "mask_search_files_path_pos, mask_search_files_path_neg, and save_dir are required for STA_tuning_cfg mode";
  CHECK(message([&] { configure_sta("STA_tuning_cfg", 2, 4, 2, a); }) == needs);
  a.mask_search_files_path_neg = folder.path("neg");
  a.skip_time_steps = 1;
  a.full_attention_mask = Window{3, 6, 10};
  CHECK(configure_sta("STA_tuning_cfg", 2, 4, 2, a) == list);
  CHECK(std::filesystem::exists(folder.path("cfg/mask_strategy_s1.json")));
}

TEST_CASE("ties go to the first window; small tables are refused") {
  LossTables tables;
  tables.l2_loss = {{"[1, 1, 1]", {{{2, 1}}}}, {"[2, 2, 2]", {{{2, 1}}}}};
  const std::vector<Window> masks{{1, 1, 1}, {2, 2, 2}, {3, 3, 3}};
  const BestStrategy best = select_best_mask_strategy(tables, masks, 0, 1, 2);
  CHECK(best.strategy == StrategyDict{{"0_0_0", {1, 1, 1}}, {"0_0_1", {1, 1, 1}}});
  CHECK(best.sparsity == doctest::Approx(1 - 1.0 / 27));
  CHECK(best.counts == std::vector<std::pair<std::string, int64_t>>{{"[1, 1, 1]", 2}, {"[2, 2, 2]", 0}, {"[3, 3, 3]", 0}});
  const std::string small = message([&] { select_best_mask_strategy(tables, masks, 0, 2, 2); });
  CHECK(small.find("step 1, layer 0, head 0") != std::string::npos);
}

TEST_CASE("searching, and the reference's error texts") {
  StaArguments a;
  a.mask_candidates = kCandidates;
  a.mask_selected = {2, 0};
  const WindowList3d list = configure_sta("STA_searching", 2, 3, 99, a);
  CHECK(list == WindowList3d(3, {2, {Window{3, 3, 3}, Window{3, 1, 10}}}));
  a.mask_selected = {3};
  CHECK(message([&] { configure_sta("STA_searching", 2, 3, 1, a); }).find("mask_selected has 3") != std::string::npos);
  CHECK(message([] { configure_sta(); }) == "mask_candidates is required for STA_searching mode");
  CHECK(message([] { configure_sta("STA_tuning"); }) == "mask_search_files_path is required for STA_tuning mode");
  CHECK(message([] { configure_sta("None"); }) ==
        "Mode must be one of ['STA_searching', 'STA_tuning', 'STA_inference', 'STA_tuning_cfg'], got None");
  StaArguments empty;
  empty.load_path = "";
  CHECK(message([&] { configure_sta("STA_inference", 1, 1, 1, empty); }) == "load_path is required for STA_inference mode");
  CHECK(to_string(STA_Mode::NONE) == std::string("None"));
  CHECK(sta_mode_from("STA_tuning_cfg") == STA_Mode::STA_TUNING_CFG);
  CHECK(!sta_mode_from("STA_INFERENCE"));
}
