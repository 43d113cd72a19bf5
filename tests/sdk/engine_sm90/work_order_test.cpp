// The order in which clusters take query tiles: every tile once, balanced, and heads that share the L2 cache together.
#include <doctest/doctest.h>

#include <fvattn/engine/sm90/heuristics.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace fvattn::engine::sm90 {
namespace {

constexpr int kL2Bytes = 50 << 20;

/// Cost of a tile of a causal schedule, in key tiles.
int causal_cost(const WorkItem& item) { return item.q_tile + 1; }

/// The largest load of a worker over the mean.
template <Deal kDeal = Deal::kEven, class Cost>
double imbalance(const WorkOrder& order, Cost cost) {
  double most = 0, all = 0;
  for (int w = 0; w < order.workers; ++w) {
    double load = 0;
    WorkItem item;
    for (int slot = 0; order.template item<kDeal>(w, slot, item); ++slot) load += cost(item);
    most = std::max(most, load);
    all += load;
  }
  return most * order.workers / all;
}

/// How often each item of an order is some worker's.
template <Deal kDeal>
std::vector<int> times_dealt(const WorkOrder& order) {
  std::vector<int> seen(static_cast<std::size_t>(order.total));
  for (int w = 0; w < order.workers; ++w) {
    WorkItem item;
    for (int slot = 0; order.template item<kDeal>(w, slot, item); ++slot) {
      REQUIRE((item.q_tile >= 0 && item.q_tile < order.q_tiles));
      REQUIRE((item.head >= 0 && item.head < order.heads));
      REQUIRE((item.batch >= 0 && item.batch < order.total / order.q_tiles / order.heads));
      ++seen[(static_cast<std::size_t>(item.batch) * order.heads + item.head) * order.q_tiles + item.q_tile];
    }
  }
  return seen;
}

}  // namespace

TEST_CASE("every tile of every head is some worker's, once") {
  std::mt19937 random(std::random_device{}());
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int i = 0; i < 300; ++i) {
    const int q_tiles = pick(1, 40), kv_heads = pick(1, 6), heads = kv_heads * pick(1, 4), batch = pick(1, 4);
    const auto bytes = static_cast<std::int64_t>(pick(1, 1 << 25));
    const WorkOrder order = plan_work(q_tiles, heads, kv_heads, batch, bytes, kL2Bytes, pick(1, 140), pick(0, 1) == 1);
    CAPTURE(q_tiles);
    CAPTURE(heads);
    CAPTURE(batch);
    CAPTURE(order.workers);
    CAPTURE(order.group);
    for (const int times : times_dealt<Deal::kEven>(order)) REQUIRE(times == 1);
    WorkOrder with_long = order;
    with_long.long_tiles = pick(0, q_tiles);
    with_long.long_rounds = pick(1, 20);
    CAPTURE(with_long.long_tiles);
    CAPTURE(with_long.long_rounds);
    for (const int times : times_dealt<Deal::kLongFirst>(with_long)) REQUIRE(times == 1);
  }
}

TEST_CASE("tiles that cost many others go first, and who has one gets fewer of the others") {
  // 30x48x80 tokens and 256 of text, 24 heads, windows of 3x3x3 tiles: a tile of text costs 11 of the grid.
  WorkOrder order = plan_work(902, 24, 24, 1, 115456 * 512, kL2Bytes, 132, false);
  const auto cost = [](const WorkItem& item) { return item.q_tile < 900 ? 83 : 902; };
  CHECK(imbalance(order, cost) > 1.05);
  order.long_tiles = 2;
  order.long_rounds = 11;
  CHECK(imbalance<Deal::kLongFirst>(order, cost) < 1.01);
  WorkItem item;
  REQUIRE(order.item<Deal::kLongFirst>(47, 0, item));
  CHECK(item.q_tile == 901);
  REQUIRE(order.item<Deal::kLongFirst>(48, 0, item));
  CHECK(item.q_tile == 0);
}

TEST_CASE("a short last round is cut by keys where that is worth it, and every part is dealt once") {
  CHECK(tail_parts(1376, 132, 205) == 2);  // S16384 H16, 192 rows a tile: 56 tiles in round 11 become 112 halves
  CHECK(tail_parts(2052, 132, 410) == 3);  // Wan 1.3B 480p: 72 tiles, 216 thirds in two rounds
  CHECK(tail_parts(3152, 132, 945) == 1);  // Wan 14B 720p, 8 heads: 116 tiles, nearly a round
  CHECK(tail_parts(1320, 132, 205) == 1);
  CHECK(tail_parts(1376, 132, 20) == 1);  // too few keys
  for (const int items : {1, 5, 12, 13, 56, 1376, 2052}) {
    WorkOrder order = plan_work(items, 1, 1, 1, 1, kL2Bytes, 132, false);
    cut_tail(order, 400);
    CAPTURE(items);
    std::vector<int> parts(static_cast<std::size_t>(items)), numbers(static_cast<std::size_t>(items) * 4);
    for (int w = 0; w < order.workers; ++w) {
      WorkItem item;
      for (int slot = 0; order.item<Deal::kSplitTail>(w, slot, item); ++slot) {
        ++parts[static_cast<std::size_t>(item.q_tile)];
        if (item.partial < 0) continue;
        ++numbers[static_cast<std::size_t>(item.partial)];
        WorkItem whole;
        order.place(order.whole + item.partial / order.parts, order.total, order.q_tiles, whole);
        CHECK(whole.q_tile == item.q_tile);
      }
    }
    const int cut = order.parts > 1 ? items - order.whole : 0;
    CHECK(std::count(parts.begin(), parts.end(), 1) == items - cut);
    CHECK((cut == 0 || std::count(parts.begin(), parts.end(), order.parts) == cut));
    CHECK(std::count(numbers.begin(), numbers.end(), 1) == cut * order.parts);
  }
}

TEST_CASE("a worker's slots have no gap before its end") {
  const WorkOrder order = plan_work(7, 5, 5, 1, 1 << 20, kL2Bytes, 12, false);
  for (int w = 0; w < order.workers; ++w) {
    WorkItem item;
    bool ended = false;
    for (int slot = 0; slot < 10; ++slot) {
      const bool there = order.item(w, slot, item);
      CHECK_FALSE((ended && there));
      ended = ended || !there;
    }
  }
}

TEST_CASE("no more workers than tiles") { CHECK(plan_work(2, 3, 3, 1, 1, kL2Bytes, 132, false).workers == 6); }

TEST_CASE("causal tiles balance to a few percent at the shapes of video models") {
  // S16384 H16 D128 and S32760 H12 D128 on 132 SMs, 128 rows a tile.
  CHECK(imbalance(plan_work(128, 16, 16, 1, 16384 * 512, kL2Bytes, 132, true), causal_cost) < 1.03);
  CHECK(imbalance(plan_work(256, 12, 12, 1, 32760 * 512, kL2Bytes, 132, true), causal_cost) < 1.03);
}

TEST_CASE("heads in flight together fit the L2 cache, except where balance asks for more") {
  const std::int64_t head = 38'700'000;  // K and V of a head of Wan 14B 720p
  CHECK(plan_work(591, 8, 8, 1, head, kL2Bytes, 132, false).group == 1);
  CHECK(plan_work(591, 40, 40, 1, head, kL2Bytes, 132, true).group == 132 / kMinSharing);
  CHECK(plan_work(64, 32, 8, 1, 1 << 20, kL2Bytes, 132, false).group == 32);  // 32 kv heads would fit, there are 8
}

}  // namespace fvattn::engine::sm90
