// Tables of other sizes and with odd contents.
#include "adapter_fixture.hpp"

#include <cstring>

using namespace fvattn;
using namespace fvattn::test;

TEST_CASE("a table of an older minor version lacks what lies behind its end") {
  Fake fake;
  fake.table.backward = fake.table.describe = fake.table.preprocess = fake.table.forward;
  SUBCASE("cut behind forward") {
    fake.table.size = offsetof(fvattn_backend, forward) + sizeof(fake.table.forward);
    const AttentionBackend& backend = fake.registered();
    CHECK_FALSE(backend.has_backward());
    CHECK_FALSE(backend.has_describe());
    fvattn_call call{};
    call.size = sizeof(call);
    const auto impl = make_impl(backend);
    CHECK(impl->forward(call).ok());
    CHECK(impl->preprocess_qkv(call).ok());
    CHECK(impl->backward(call).code == Code::unimplemented);
  }
  SUBCASE("cut in the middle of a member: it is not there") {
    fake.table.size = offsetof(fvattn_backend, backward) + 4;
    CHECK_FALSE(fake.registered().has_backward());
  }
  SUBCASE("whole") {
    CHECK(fake.registered().has_backward());
    CHECK(fake.registered().has_describe());
  }
  SUBCASE("one byte too few for what is required") {
    fake.table.size = offsetof(fvattn_backend, forward) + sizeof(fake.table.forward) - 1;
    CHECK_CONTAINS(fake.add().text(), "lies about its size");
  }
}

TEST_CASE("a table of a newer minor version is read as far as this core knows it") {
  struct Newer {
    fvattn_backend known;
    char tail[64];
  } newer{};
  Fake fake;
  fake.add().ok();  // fills the table's lists
  newer.known = fake.table;
  newer.known.size = sizeof(newer);
  std::memset(newer.tail, 0x5a, sizeof(newer.tail));
  fake.list[0] = &newer.known;
  const auto impl = make_impl(fake.registered());
  fvattn_call call{};
  call.size = sizeof(call);
  CHECK(impl->forward(call).ok());
}

TEST_CASE("tables that cannot be used say why") {
  const auto error = [](const std::function<void(Fake&)>& spoil) {
    Fake fake;
    spoil(fake);
    const Status status = fake.add();
    REQUIRE_FALSE(status.ok());
    return status.text();
  };
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.size = sizeof(f.plugin) - 24; }), "the plugin's table lies about its size");
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.abi_major = 0; }), "another major version of the ABI; got 0; accepted: 1");
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.id = {"", 0}; }), "the plugin's id cannot be used");
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.id = {nullptr, 5}; }), "the plugin's id is not a usable string");
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.id = {"x", size_t{1} << 40}; }), "the plugin's id is not a usable string");
  CHECK_CONTAINS(error([](Fake& f) { f.plugin.n_backends = 0; }), "no usable list of backends");
  CHECK_CONTAINS(error([](Fake& f) { f.list[0] = nullptr; }), "backend 0 is NULL");
  CHECK_CONTAINS(error([](Fake& f) { f.table.name = {"a/b", 3}; }), "the name of backend 0 cannot be used; got a/b");
  CHECK_CONTAINS(error([](Fake& f) { f.table.destroy = nullptr; }), "leaves a required function empty; got destroy");
  CHECK_CONTAINS(error([](Fake& f) { f.tensor_keys = {tensor_key("", 0, 4, 0)}; }),
                 "one of the tensor keys of FAKE_ATTN has no name");
  CHECK_CONTAINS(error([](Fake& f) {
                   f.meta_keys = {key("a", FVATTN_I64), key("b", FVATTN_I64), key("a", FVATTN_STR)};
                 }),
                 "two of the metadata keys of FAKE_ATTN have the same name; got a");
  CHECK_CONTAINS(error([](Fake& f) {
                   f.option_keys = {key("a", FVATTN_I64)};
                   f.option_keys[0].dflt.kind = 99;
                 }),
                 "'a' of the option keys of FAKE_ATTN has an unknown kind");
  CHECK_CONTAINS(error([](Fake& f) {
                   static const fvattn_tensor tensor = {nullptr, FVATTN_CPU, 0, -3, 0, 0, 1, nullptr, nullptr, 0};
                   f.option_keys = {key("a", FVATTN_TENSOR)};
                   f.option_keys[0].dflt.kind = FVATTN_TENSOR;
                   f.option_keys[0].dflt.v.tensor = &tensor;
                 }),
                 "has a default that is no usable tensor");
  CHECK_CONTAINS(error([](Fake& f) {
                   static fvattn_ext ring = {sizeof(ring), 5, nullptr};
                   ring.next = &ring;
                   f.table.ext = &ring;
                 }),
                 "endless chain of extensions");
}

TEST_CASE("two backends of one name in one plugin") {
  Fake fake;
  const fvattn_backend* twice[] = {&fake.table, &fake.table};
  fake.plugin.backends = twice;
  fake.plugin.n_backends = 2;
  CHECK_CONTAINS(fake.add().text(), "two of the plugin's backends have the same name; got FAKE_ATTN");
}

TEST_CASE("an unknown extension that is not critical is skipped") {
  Fake fake;
  fvattn_ext extension = {sizeof(extension), 5, nullptr};
  fake.plugin.ext = fake.table.ext = &extension;
  CHECK(fake.add().ok());
}
