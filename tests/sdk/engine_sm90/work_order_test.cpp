// The order in which clusters take query tiles: every tile once, balanced, and heads that share the L2 cache together.
#include <doctest/doctest.h>

#include <fvattn/engine/sm90/heuristics.hpp>

#include <random>
#include <vector>

namespace fvattn::engine::sm90 {
namespace {

constexpr int kL2Bytes = 50 << 20;

/// Cost of a tile of a causal schedule, in key tiles.
int causal_cost(const WorkItem& item) { return item.q_tile + 1; }

/// The largest load of a worker over the mean.
template <class Cost>
double imbalance(const WorkOrder& order, Cost cost) {
  double most = 0, all = 0;
  for (int w = 0; w < order.workers; ++w) {
    double load = 0;
    WorkItem item;
    for (int slot = 0; order.item(w, slot, item); ++slot) load += cost(item);
    most = std::max(most, load);
    all += load;
  }
  return most * order.workers / all;
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
    std::vector<int> seen(static_cast<std::size_t>(q_tiles) * heads * batch);
    for (int w = 0; w < order.workers; ++w) {
      WorkItem item;
      for (int slot = 0; order.item(w, slot, item); ++slot) {
        REQUIRE((item.q_tile >= 0 && item.q_tile < q_tiles));
        REQUIRE((item.head >= 0 && item.head < heads));
        REQUIRE((item.batch >= 0 && item.batch < batch));
        ++seen[(static_cast<std::size_t>(item.batch) * heads + item.head) * q_tiles + item.q_tile];
      }
    }
    for (const int times : seen) REQUIRE(times == 1);
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
