#include "library_test.hpp"

#include <fvattn/sta/strategy.hpp>
#include <fvattn/sta/tile_order.hpp>

#include <chrono>

using namespace fvattn::sta;
using sta_test::message;
using sta_test::Folder;

TEST_CASE("the reference's tile permutation") {
  const std::vector<int> order = tile_order({18, 48, 80});
  REQUIRE(order.size() == 69120);
  const std::pair<size_t, int> golden[] = {{0, 0},     {7, 7},      {8, 80},         {64, 3840},    {383, 19767},
                                           {384, 8},   {3840, 640}, {23040, 23040}, {69119, 69119}};
  for (const auto& [p, raster] : golden) CHECK(order[p] == raster);
  std::vector<bool> seen(7 * 9 * 10);
  const std::vector<int> clipped = tile_order({7, 9, 10});
  for (const int row : clipped) seen[static_cast<size_t>(row)] = true;
  CHECK(clipped.size() == 630);
  CHECK(std::count(seen.begin(), seen.end(), true) == 630);
}

TEST_CASE("windows as text, and what they attend") {
  CHECK(window_key({3, 1, 10}) == "[3, 1, 10]");
  CHECK(parse_window("3, 1, 10") == Window{3, 1, 10});
  CHECK(parse_window(" 3,1 ,10 ") == Window{3, 1, 10});
  for (const char* bad : {"", "3,1", "3,1,10,2", "3,-1,10", "3,0,1", "3,1.5,2", "a,b,c", "3,1,10x"})
    CHECK(message([&] { parse_window(bad); }).find("three integers") != std::string::npos);
  CHECK(density({3, 3, 3}, {3, 6, 10}) == doctest::Approx(.15));
  CHECK(density({3, 5, 5}, {3, 6, 10}) == doctest::Approx(.41666667));
  CHECK(density({5, 6, 1}, {5, 6, 10}) == doctest::Approx(.10));
  CHECK(density({2, 6, 10}, {5, 6, 10}) == doctest::Approx(.6));  // 2 attends 3
}

TEST_CASE("a strategy of 72,000 entries loads fast and comes back") {
  Strategy big{50, 60, 24, {}};
  for (int i = 0; i < 72000; ++i) big.windows.push_back({1 + i % 5, 1 + i / 7 % 6, 1 + i / 11 % 10});
  const Folder folder;
  save_mask_strategy(big, folder.path("strategy.json"));
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    const Strategy loaded = load_mask_strategy(folder.path("strategy.json"));
    best = std::min(best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    CHECK(loaded.steps == 50);
    CHECK(loaded.layers == 60);
    CHECK(loaded.heads == 24);
    CHECK(loaded.windows == big.windows);
  }
  MESSAGE("72,000 entries in ", best, " ms");
  CHECK(best < sta_test::kFastLoadMs);
}

TEST_CASE("a strategy that is not one is refused, with line and key") {
  const auto error = [](const std::string& json) { return message([&] { parse_mask_strategy(json, "s.json"); }); };
  const auto says = [&](const std::string& json, const std::string& part) {
    INFO(error(json));
    CHECK(error(json).find(part) != std::string::npos);
  };
  CHECK(error("{\"0_0_0\": [1, 2, 3]}") == "no error");
  says("{\"0_0_0\": [1,2,3],\n\"0_0_1\": [1,2\n", "line 3");
  says("{\"0_0_0\": [1,2,3],\n\"0_0_1\": [1,2\n", "0_0_1");
  says("{\"0_0_0\": [1,2,3]} x", "not valid JSON");
  says("{\n\"0_0_0\": [1,2,3],\n\"0_0_1\": [1,2]\n}", "line 3, key \"0_0_1\": a window has three extents [t, h, w]; got 2");
  says("{\n\"0_0_0\": [1,2,3,4]}", "line 2, key \"0_0_0\": a window has three extents [t, h, w]; got 4");
  says("{\n\"0_0_0\": [1,\n-2\n,3]}", "line 3, key \"0_0_0\": a window's extents are integers of at least 1; got -2");
  says("{\"0_0_0\": [1,0,3]}", "got 0");
  says("{\"0_0_0\": [1,\n2.5,3]}", "line 2, key \"0_0_0\": a window's extents are integers of at least 1; got 2.5");
  says("{\"0_0_0\": [1,\"2\",3]}", "got the string \"2\"");
  says("{\"0_0_0\": [1,null,3]}", "got null");
  says("{\"0_0_0\": [1,[2],3]}", "got a list");
  says("{\"0_0_0\": [1,99999999999,3]}", "too large");
  says("{\"0_0_0\": 3}", "a window is a list of three integers");
  says("{\"0_0_0\": {}}", "a window is a list of three integers");
  says("[1, 2]", "a strategy is an object");
  says("{}", "no entries");
  says("{\n\"0_0\": [1,2,3]}", "line 2, key \"0_0\": the key is not");
  for (const char* key : {"0_0_", "a_0_0", "-1_0_0", "0_00_0", "0_0_0_0", "0_0_0 ", "9999999999_0_0", ""})
    says("{\"" + std::string(key) + "\": [1,2,3]}", "the key is not");
  says("{\"0_0_0\": [1,2,3],\n\n\"0_0_2\": [1,2,3]}", "the key \"0_0_1\" should follow and is missing");
  says("{\"0_0_0\": [1,2,3],\n\n\"1_1_0\": [1,2,3]}", "line 1: the key \"0_1_0\"");
  says("{\"0_0_0\": [1,2,3],\n\"0_0_1\": [1,2,3],\n\"0_0_0\": [1,2,3]}",
       "line 3, key \"0_0_0\": it is there twice, first in line 1");
  says("{\"99999999_99999999_9\": [1,2,3]}", "missing");
  CHECK(message([&] { parse_mask_strategy("{\"99999999_99999999_9\": [1,2,3]}", "s", Holes::allowed); }).find("too many") !=
        std::string::npos);
  const Strategy holed = parse_mask_strategy("{\"0_0_2\": [1,2,3], \"0_0_0\": [3,2,1]}", "s", Holes::allowed);
  CHECK(holed.windows == std::vector<Window>{{3, 2, 1}, kNoWindow, {1, 2, 3}});
  CHECK(message([] { load_mask_strategy("/nonexistent.json"); }).find("/nonexistent.json cannot be read") == 0);
}

TEST_CASE("dict_to_3d_list") {
  const StrategyDict dict{{"0_0_0", {1, 2, 3}}, {"1_0_1", {4, 5, 6}}, {"7_0_0", {9, 9, 9}}};
  CHECK(message([] { dict_to_3d_list(); }) == "If mask_strategy is None, you must provide t_max, l_max, and h_max");
  CHECK(message([&] { dict_to_3d_list(dict, 1); }) ==
        "Either supply none of (t_max, l_max, h_max) to infer dimensions, or supply all three to fix the shape.");
  const WindowList3d inferred = dict_to_3d_list(dict), fixed = dict_to_3d_list(dict, 2, 1, 2),
                     none = dict_to_3d_list(std::nullopt, 2, 3, 4);
  CHECK(inferred.size() == 8);
  CHECK(inferred[0][0].size() == 2);
  CHECK(fixed == WindowList3d{{{Window{1, 2, 3}, std::nullopt}}, {{std::nullopt, Window{4, 5, 6}}}});
  CHECK(none == WindowList3d(2, {3, std::vector<std::optional<Window>>(4)}));
}
