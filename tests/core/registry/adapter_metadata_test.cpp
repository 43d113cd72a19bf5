// Builders and metadata through the adapter.
#include "adapter_fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

TEST_CASE("values are completed, built once and freed once") {
  Fake fake;
  fake.with_metadata();
  fake.meta_keys = {key("current_timestep", FVATTN_I64), key("ratio", FVATTN_F64)};
  fake.meta_keys[1].dflt.kind = FVATTN_F64;
  fake.meta_keys[1].dflt.v.f64 = 0.5;
  double ratio = 0;
  void* seen_stream = nullptr;
  fake.on_meta_build = [&](fvattn_kvs kvs, void* stream, const void** meta, auto*) {
    for (size_t i = 0; i < kvs.n; ++i)
      if (std::string_view(kvs.p[i].key.p, kvs.p[i].key.n) == "ratio") ratio = kvs.p[i].v.f64;
    seen_stream = stream;
    *meta = &fake;
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  const auto builder = backend.make_builder(cpu_device());
  builder->prepare();
  int stream = 0;
  {
    const auto built = builder->build({{"current_timestep", int64_t{7}}}, &stream);
    REQUIRE_MESSAGE(built.ok(), built.status().text());
    const AttentionMetadata& metadata = **built;
    CHECK(&metadata.backend() == &backend);
    CHECK(metadata.handle() == &fake);
    CHECK(ratio == 0.5);
    CHECK(seen_stream == &stream);
    CHECK(metadata.current_timestep() == 7);
    CHECK(metadata.packed().n == 2);
    CHECK(metadata.as_dict().size() == 2);
    const auto some = metadata.as_dict({"current_timestep"});
    REQUIRE(some.size() == 1);
    CHECK(some.begin()->first == "ratio");
    CHECK(some.begin()->second == &metadata.values().at("ratio"));  // a view, not a copy
    CHECK(fake.meta_freed == 0);
  }
  CHECK(fake.meta_freed == 1);
}

TEST_CASE("what the schema refuses, and what the plugin refuses") {
  Fake fake;
  fake.with_metadata();
  fake.meta_keys = {key("tile", FVATTN_I64, FVATTN_KEY_REQUIRED)};
  const AttentionBackend& backend = fake.registered();
  const auto builder = backend.make_builder(cpu_device());
  CHECK_CONTAINS(builder->build({}).status().text(), "test.fake/FAKE_ATTN metadata: key 'tile' is required");
  CHECK_CONTAINS(builder->build({{"til", int64_t{1}}}).status().text(), "did you mean 'tile'?");
  fake.on_meta_build = [](auto, auto*, const void** meta, fvattn_error* err) {
    *meta = nullptr;
    return fail(err, FVATTN_INVALID_ARGUMENT, "tile must divide");
  };
  CHECK_CONTAINS(builder->build({{"tile", int64_t{3}}}).status().text(),
                 "test.fake/FAKE_ATTN: meta_build: tile must divide");
  CHECK(fake.meta_freed == 0);
}

TEST_CASE("a backend without meta_build has values and no handle") {
  Fake fake;
  fake.meta_keys = {key("tile", FVATTN_I64)};
  const auto built = fake.registered().make_builder(cpu_device())->build({{"tile", int64_t{3}}});
  REQUIRE(built.ok());
  CHECK((*built)->handle() == nullptr);
  CHECK((*built)->current_timestep() == 0);
  CHECK(std::get<int64_t>((*built)->values().at("tile")) == 3);
}

TEST_CASE("a plan gets its own backend's metadata and nobody else's") {
  Fake fake, foreign;
  for (Fake* each : {&fake, &foreign}) {
    each->with_metadata();
    each->meta_keys = {key("tile", FVATTN_I64)};
  }
  const void* seen = nullptr;
  size_t keys = 0;
  fake.on_plan = [&](const fvattn_problem& problem, const void* meta, auto&, auto*) {
    seen = meta;
    keys = problem.meta.n;
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  const auto own = backend.make_builder(cpu_device())->build({{"tile", int64_t{3}}});
  const auto other = foreign.registered().make_builder(cpu_device())->build({{"tile", int64_t{3}}});
  REQUIRE(own.ok());
  REQUIRE(other.ok());
  CHECK(impl->plan(small_problem(), own->get()).ok());
  CHECK(seen == &fake);
  CHECK(keys == 1);
  CHECK(impl->plan(small_problem(), other->get()).ok());
  CHECK(seen == nullptr);
  CHECK(keys == 0);
}
