// The memo by itself: each input of the decision is part of the key.
#include "selector/memo.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <thread>
#include <vector>

using namespace fvattn;

namespace {

struct Key {
  Request request;
  std::string scope = "S";
  Device device = cpu_device();
  Problem problem;
  uint64_t environment = 1, generation = 1;

  Key() {
    request.layer = "blocks.0";
    request.supported = {"A", "B"};
    problem.extra = {{"mask", FVATTN_DTYPE_BOOL, 8, {2, 4}}};
  }
  MemoKeyView view() const { return {request, scope, device, problem, environment, generation}; }
};

const AttentionBackend* const kSome = reinterpret_cast<const AttentionBackend*>(0x1000);
const Selection kSelection{kSome, SelectionSource::environment};

// One change of every input.
const std::vector<std::function<void(Key&)>> kChanges = {
    [](Key& k) { k.request.backend = "A"; },
    [](Key& k) { k.request.layer_default = "A"; },
    [](Key& k) { k.request.layer = "blocks.1"; },
    [](Key& k) { k.request.supported = {"A"}; },
    [](Key& k) { k.request.supported = {"B", "A"}; },
    [](Key& k) { k.request.supported = SupportedBackends::any(); },
    [](Key& k) { k.scope = ""; },
    [](Key& k) { k.device.c.id = 1; },
    [](Key& k) { k.device.c.cc_minor = 9; },
    [](Key& k) { k.device.c.uuid[15] = 1; },
    [](Key& k) { k.device.name = "another"; },
    [](Key& k) { k.environment = 2; },
    [](Key& k) { k.generation = 2; },
    [](Key& k) { k.problem.flags = FVATTN_PROBLEM_CAUSAL; },
    [](Key& k) { k.problem.batch = 2; },
    [](Key& k) { k.problem.q_len = 2; },
    [](Key& k) { k.problem.kv_len = 2; },
    [](Key& k) { k.problem.heads = 2; },
    [](Key& k) { k.problem.kv_heads = 2; },
    [](Key& k) { k.problem.head_dim = 2; },
    [](Key& k) { k.problem.v_head_dim = 2; },
    [](Key& k) { k.problem.dtype_code = FVATTN_DTYPE_BFLOAT; },
    [](Key& k) { k.problem.dtype_bits = 16; },
    [](Key& k) { k.problem.layer_index = 2; },
    [](Key& k) { k.problem.sp_world = 2; },
    [](Key& k) { k.problem.sp_rank = 2; },
    [](Key& k) { k.problem.heads_global = 2; },
    [](Key& k) { k.problem.kv_heads_global = 2; },
    [](Key& k) { k.problem.head_offset = 2; },
    [](Key& k) { k.problem.kv_head_offset = 2; },
    [](Key& k) { k.problem.scale = 0.5; },
    [](Key& k) { k.problem.dropout_p = 0.5; },
    [](Key& k) { k.problem.text_len = 2; },
    [](Key& k) { k.problem.n_seqs = 2; },
    [](Key& k) { k.problem.max_q_len = 2; },
    [](Key& k) { k.problem.max_kv_len = 2; },
    [](Key& k) { k.problem.extra.clear(); },
    [](Key& k) { k.problem.extra[0].name = "gate"; },
    [](Key& k) { k.problem.extra[0].dtype_bits = 32; },
    [](Key& k) { k.problem.extra[0].shape = {2, 5}; },
};

}  // namespace

TEST_CASE("equal inputs hit, whoever owns them") {
  Memo memo;
  CHECK_FALSE(memo.find(Key().view()).has_value());
  memo.insert(Key().view(), kSelection);
  const auto found = memo.find(Key().view());
  REQUIRE(found.has_value());
  CHECK(found->backend == kSome);
  CHECK(found->source == SelectionSource::environment);
}

TEST_CASE("a change of any one input misses, and gets an entry of its own") {
  Memo memo;
  memo.insert(Key().view(), kSelection);
  for (size_t i = 0; i < kChanges.size(); ++i) {
    CAPTURE(i);
    Key changed;
    kChanges[i](changed);
    CHECK_FALSE(memo.find(changed.view()).has_value());
    memo.insert(changed.view(), {nullptr, SelectionSource::automatic});
    CHECK(memo.find(changed.view())->source == SelectionSource::automatic);
  }
  CHECK(memo.size() == kChanges.size() + 1);
  CHECK(memo.find(Key().view())->backend == kSome);
}

TEST_CASE("the last answer for equal inputs counts") {
  Memo memo;
  memo.insert(Key().view(), kSelection);
  memo.insert(Key().view(), {nullptr, SelectionSource::scope});
  CHECK(memo.size() == 1);
  CHECK(memo.find(Key().view())->source == SelectionSource::scope);
}

TEST_CASE("it stays bounded when every call has another shape") {
  Memo memo;
  Key key;
  for (size_t i = 0; i < 3 * Memo::kMost; ++i) {
    key.problem.q_len = static_cast<int64_t>(i);
    memo.insert(key.view(), kSelection);
    REQUIRE(memo.find(key.view()).has_value());
  }
  CHECK(memo.size() <= Memo::kMost);
}

TEST_CASE("threads read and write at once") {
  Memo memo;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&memo, t] {
      Key key;
      for (int i = 0; i < 2000; ++i) {
        key.problem.q_len = i % 50;
        if (t % 2 == 0) memo.insert(key.view(), kSelection);
        else if (const auto found = memo.find(key.view())) CHECK(found->backend == kSome);
      }
    });
  for (std::thread& thread : threads) thread.join();
  memo.clear();
  CHECK(memo.size() == 0);
}
