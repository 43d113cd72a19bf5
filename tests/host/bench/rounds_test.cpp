#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "bench/rounds.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

using namespace fvattn::bench;

TEST_CASE("median") {
  CHECK(median({}) == 0);
  CHECK(median({3, 1, 2}) == 2);
}

TEST_CASE("steady means: the last rounds agree with each other and with all") {
  CHECK(!is_steady({1, 1, 1, 1}, 5));
  CHECK(is_steady({1, 1, 1, 1, 1}, 5));
  CHECK(!is_steady({1, 1, 1, 1, 1}, 7));
  CHECK(!is_steady({1, 1, 1, 1, 1.03}, 5));
  CHECK(is_steady({5, 1, 1.01, 1, 1, 1}, 5));
  CHECK(!is_steady({2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1}, 5));
}

TEST_CASE("contenders take turns, and each is timed by itself") {
  std::string order;
  Patience patience;
  patience.round_ms = 0.001;  // one call a round
  patience.least_rounds = 3;
  patience.most_rounds = 3;
  patience.cold = true;
  const auto slow = [&] { order += 'a', std::this_thread::sleep_for(std::chrono::milliseconds(4)); };
  const auto quick = [&] { order += 'b'; };
  const auto samples = take_turns({slow, quick}, at::kCPU, patience);
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].rounds == 3);
  CHECK(samples[0].ms >= 4);
  CHECK(samples[0].cold_ms >= 4);
  CHECK(samples[1].ms < 4);
  CHECK(samples[0].least <= samples[0].ms);
  CHECK(samples[0].ms <= samples[0].most);
  // After the first two calls of each: one to warm up and the timed ones, turn by turn.
  const size_t turn = order.find('a', order.find('b'));
  REQUIRE(turn != std::string::npos);
  CHECK(order.find('b', turn) != std::string::npos);
  CHECK(order.find('a', order.find('b', turn)) != std::string::npos);
}

TEST_CASE("one call that is longer than all the time is enough") {
  Patience patience;
  patience.seconds = 0.001;
  const auto samples = take_turns({[] { std::this_thread::sleep_for(std::chrono::milliseconds(70)); }}, at::kCPU, patience);
  CHECK(samples[0].rounds == 1);
  CHECK(!samples[0].steady);
}
