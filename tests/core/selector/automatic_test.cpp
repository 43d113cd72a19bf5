// Automatic choice: exact backends inside the layer's list, the best score of those that can serve.
#include "core/support/temporary_folder.hpp"
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

TEST_CASE("the best score wins, whatever the order of registration") {
  SelectorFixture fixture;
  const TestPlugin a(
      "test.a", {{.name = "A_ATTN", .score = 0.3}, {.name = "B_ATTN", .score = 0.8}, {.name = "C_ATTN", .score = 0.5}});
  a.add_to(fixture.registry);
  CHECK(fixture.chosen() == "B_ATTN");
}

TEST_CASE("capability comes before score") {
  SelectorFixture fixture;
  const TestPlugin a("test.a", {{.name = "A_ATTN", .score = 0.3}, {.name = "B_ATTN", .score = 0.8, .max_head_dim = 64}});
  a.add_to(fixture.registry);
  CHECK(fixture.chosen() == "B_ATTN");
  fixture.problem.head_dim = 128;
  CHECK(fixture.chosen() == "A_ATTN");
}

TEST_CASE("an approximate backend is never chosen automatically, however fast, but serves who names it") {
  SelectorFixture fixture;
  const TestPlugin a("test.a",
                     {{.name = "SPARSE_ATTN", .score = 1.0, .approximate = true}, {.name = "EXACT_ATTN", .score = 0.1}});
  a.add_to(fixture.registry);
  CHECK(fixture.chosen() == "EXACT_ATTN");
  fixture.set_variable("SPARSE_ATTN");
  CHECK(fixture.chosen() == "SPARSE_ATTN");
  fixture.set_variable("");
  fixture.request.layer_default = "SPARSE_ATTN";
  CHECK(fixture.chosen() == "SPARSE_ATTN");
}

TEST_CASE("with sparse backends alone there is no automatic choice, and the error says how to get one") {
  SelectorFixture fixture;
  const TestPlugin a("test.a", {{.name = "SPARSE_ATTN", .score = 1.0, .approximate = true}});
  a.add_to(fixture.registry);
  const Status refusal = fixture.refusal();
  CHECK(refusal.code == Code::unavailable);
  CHECK_CONTAINS(refusal.text(), "`test.a/SPARSE_ATTN` is not supported because:");
  CHECK_CONTAINS(refusal.text(), "ask for it by name");
}

TEST_CASE("automatic choice stays inside the layer's list") {
  SelectorFixture fixture;
  const TestPlugin a("test.a", {{.name = "TORCH_SDPA", .score = 0.3}, {.name = "FOREIGN_ATTN", .score = 0.9}});
  a.add_to(fixture.registry);
  CHECK(fixture.chosen() == "FOREIGN_ATTN");
  fixture.request.supported = {"FLASH_ATTN", "TORCH_SDPA"};
  CHECK(fixture.chosen() == "TORCH_SDPA");
  fixture.request.supported = {"FLASH_ATTN"};
  CHECK_CONTAINS(fixture.refusal().text(), "the layer supports FLASH_ATTN");
}

TEST_CASE("equal scores: the order is by plugin id, not by chance") {
  for (const bool swapped : {false, true}) {
    SelectorFixture fixture;
    const TestPlugin b("test.b", {{.name = "B_ATTN"}}), a("test.a", {{.name = "A_ATTN"}});
    (swapped ? a : b).add_to(fixture.registry);
    (swapped ? b : a).add_to(fixture.registry);
    CHECK(fixture.chosen() == "A_ATTN");
  }
}

TEST_CASE("no backend at all: the message says where plugins were looked for and how to add a folder") {
  const TemporaryFolder folder;
  const std::string there = folder.path(), missing = folder.path("missing");
  SelectorFixture fixture({{env::kPluginPath, there + ":" + missing}, {env::kPluginsSelect, "nobody.*"}});
  for (const char* name : {"", "FLASH_ATTN", "NOBODY_ATTN"}) {
    CAPTURE(name);
    fixture.request.backend = name;
    const std::string text = fixture.refusal().text();
    CHECK_CONTAINS(text, there + ": 0 candidates (path)");
    CHECK_CONTAINS(text, missing + ": not there (path)");
    CHECK_CONTAINS(text, "(library)");
    CHECK_CONTAINS(text, "name the folder that has the plugins in FASTVIDEO_ATTENTION_PLUGIN_PATH");
  }
}

TEST_CASE("no backend at all because only certain files count") {
  SelectorFixture fixture;
  const Status refusal = fixture.refusal();
  CHECK(refusal.code == Code::unavailable);
  CHECK_CONTAINS(refusal.text(), "no attention backend is registered");
  CHECK_CONTAINS(fixture.refusal().text(), "only the files of FASTVIDEO_ATTENTION_PLUGIN_FILES");
}

TEST_CASE("an empty list is the reference's error") {
  SelectorFixture fixture;
  fixture.request.supported = SupportedBackends(std::vector<std::string>{});
  CHECK(fixture.refusal().what == "supported_attention_backends is empty");
  CHECK(fixture.refusal().code == Code::invalid_argument);
}

TEST_CASE("a backend whose query fails does not stop automatic choice") {
  SelectorFixture fixture;
  const TestPlugin a("test.a",
                     {{.name = "BROKEN_ATTN", .score = 1.0, .query_status = FVATTN_INTERNAL}, {.name = "GOOD_ATTN"}});
  a.add_to(fixture.registry);
  CHECK(fixture.chosen() == "GOOD_ATTN");
}
