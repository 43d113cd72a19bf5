#include "core/support/test_plugin.hpp"

#include <fvattn/context.hpp>
#include <layers/plan_cache.hpp>

#include <doctest/doctest.h>

using namespace fvattn;

namespace {

fvattn_meta_key key(const char* name, int32_t kind, uint32_t flags) {
  fvattn_meta_key key{};
  key.dflt.key = {name, std::strlen(name)};
  key.dflt.flags = flags;
  key.kinds = 1u << kind;
  return key;
}

struct Fixture {
  Context context{Environment::from({})};
  const AttentionBackend* backend = nullptr;

  Fixture() {
    const test::TestPlugin plugin("test.plans",
                                  {{.name = "PLAN_ATTN",
                                    .meta_keys = {key("size", FVATTN_I64, 0), key("share", FVATTN_F64, FVATTN_KEY_PER_STEP),
                                                  key("table", FVATTN_TENSOR, 0)}}});
    plugin.add_to(context.registry());
    backend = context.registry().find("PLAN_ATTN").value();
  }
  std::shared_ptr<const AttentionMetadata> built(const KeyValues& values) const {
    return backend->make_builder(cpu_device())->build(values).value();
  }
};

}  // namespace

TEST_CASE("a plan holds while only keys of a step change") {
  const Fixture f;
  const auto a = f.built({{"size", int64_t{3}}, {"share", 0.5}});
  CHECK(same_plan(a.get(), a.get()));
  CHECK(same_plan(a.get(), f.built({{"size", int64_t{3}}, {"share", 0.9}}).get()));
  CHECK(same_plan(a.get(), f.built({{"size", int64_t{3}}}).get()));
  CHECK_FALSE(same_plan(a.get(), f.built({{"size", int64_t{4}}, {"share", 0.5}}).get()));
  CHECK_FALSE(same_plan(a.get(), f.built({{"share", 0.5}}).get()));
  CHECK_FALSE(same_plan(f.built({{"share", 0.5}}).get(), a.get()));
  CHECK_FALSE(same_plan(a.get(), nullptr));
  const auto table = [&](int32_t last) {
    return f.built({{"table", TensorValue::host({2, 1}, std::vector<int32_t>{7, last})}});
  };
  CHECK(same_plan(table(8).get(), table(8).get()));
  CHECK_FALSE(same_plan(table(8).get(), table(9).get()));
}

TEST_CASE("the cache keeps the latest plans") {
  const Fixture f;
  PlanCache cache;
  const auto make = [&](int64_t length) {
    Problem problem;
    problem.q_len = length;
    return std::make_shared<const Prepared>(*f.backend, cpu_device(), nullptr, problem, nullptr);
  };
  const auto known = [&](int64_t length) {
    return cache.find(*f.backend, cpu_device(), make(length)->problem, nullptr) != nullptr;
  };
  const auto count = static_cast<int64_t>(PlanCache::kMost);
  for (int64_t i = 0; i < count; ++i) cache.insert(make(i));
  CHECK(known(0));  // used again: the oldest is now 1
  cache.insert(make(count));
  CHECK(known(0));
  CHECK_FALSE(known(1));
  CHECK(known(2));
  CHECK(known(count));
}
