// What cannot be had is an error with every reason, and nothing falls back silently.
#include "core/support/log_capture.hpp"
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Pair : SelectorFixture {
  TestPlugin plugin{"test.pair",
                    {{.name = "TORCH_SDPA", .score = 0.3}, {.name = "FLASH_ATTN", .score = 0.6, .max_head_dim = 128}}};
  Pair() { plugin.add_to(registry); }
};

}  // namespace

TEST_CASE("a typo lists the names there are and the nearest one") {
  Pair pair;
  pair.set_variable("TORCH_SPDA");
  const Status refusal = pair.refusal();
  CHECK(refusal.code == Code::invalid_argument);
  CHECK_CONTAINS(refusal.text(),
                 "FASTVIDEO_ATTENTION_BACKEND names an attention backend that nobody registered; got 'TORCH_SPDA'");
  CHECK_CONTAINS(refusal.text(), "accepted: TORCH_SDPA, FLASH_ATTN");
  CHECK_CONTAINS(refusal.text(), "did you mean TORCH_SDPA?");
}

TEST_CASE("who said it is in the message") {
  Pair pair;
  pair.request.backend = "NOBODY_ATTN_XYZ";
  CHECK_CONTAINS(pair.refusal().text(), "layer blocks.0.attn1: the argument `backend` names");
  pair.request.backend.clear();
  pair.request.layer_default = "NOBODY_ATTN_XYZ";
  CHECK_CONTAINS(pair.refusal().text(), "the layer's default names");
  const ScopedAttnBackend scope("NOBODY_ATTN_XYZ");
  CHECK_CONTAINS(pair.refusal().text(), "ScopedAttnBackend names");
}

TEST_CASE("a value of the settings file is blamed on the file") {
  const TemporaryFolder folder;
  const std::string file = folder.write("s.toml", "backend = \"TORCH_SPDA\"\n");
  Environment environment = Environment::from(isolated({{env::kSettings, file}}));
  environment.load_settings();
  const auto snapshot = std::make_shared<const Environment>(environment);
  Pair pair;
  pair.selector.set_environment(snapshot);
  CHECK_CONTAINS(pair.refusal().text(), "backend in settings file " + file);
  CHECK_LACKS(pair.refusal().text(), "FASTVIDEO_ATTENTION_BACKEND");
}

TEST_CASE("bad grammar names the grammar") {
  Pair pair;
  pair.set_variable("prefer:A,B");
  CHECK(pair.refusal().code == Code::invalid_argument);
  CHECK_CONTAINS(pair.refusal().text(), "NAME | id/NAME | A,B | prefer:NAME | auto");
}

TEST_CASE("names of the reference that no plugin offers say so") {
  Pair pair;
  for (const char* name : {"SAGE_ATTN", "SAGE_ATTN_THREE", "NO_ATTENTION", "VMOBA_ATTN"}) {
    CAPTURE(name);
    pair.set_variable(name);
    const Status refusal = pair.refusal();
    CHECK(refusal.code == Code::unavailable);
    CHECK_CONTAINS(refusal.text(), std::string("no plugin offers ") + name);
  }
  // A third party may.
  const TestPlugin sage("test.sage", {{.name = "SAGE_ATTN"}});
  sage.add_to(pair.registry);
  pair.set_variable("SAGE_ATTN");
  CHECK(pair.chosen() == "SAGE_ATTN");
}

TEST_CASE("a backend asked for by name that refuses is an error with every reason, by every source") {
  Pair pair;
  pair.problem.head_dim = 160;
  pair.plugin.backend(1).always_refuses = {{FVATTN_R_CAUSAL, "causal; with a semicolon in it"},
                                           {FVATTN_R_VENDOR, "the vendor says no"}};
  const auto check = [&] {
    const Status refusal = pair.refusal();
    CHECK(refusal.code == Code::unavailable);
    const std::string text = refusal.text();
    CHECK_CONTAINS(text, "`test.pair/FLASH_ATTN` is not supported because:");
    CHECK_CONTAINS(text, "\n    - head dim 160 is above 128 [HEAD_DIM]");
    CHECK_CONTAINS(text, "\n    - causal; with a semicolon in it [CAUSAL]");
    CHECK_CONTAINS(text, "\n    - the vendor says no");
    CHECK_CONTAINS(text, "B1 Sq64 Skv64 H1 Hkv1 D160");
    CHECK_CONTAINS(text, "on cpu");
    CHECK_CONTAINS(text, "layer blocks.0.attn1");
  };
  pair.request.backend = "FLASH_ATTN";
  check();
  pair.request.backend.clear();
  pair.request.layer_default = "FLASH_ATTN";
  check();
  pair.request.layer_default.clear();
  pair.set_variable("FLASH_ATTN");
  check();
  pair.set_variable("");
  const ScopedAttnBackend scope("FLASH_ATTN");
  check();
}

TEST_CASE("reasons without notes are named by their bits") {
  Pair pair;
  pair.set_variable("FLASH_ATTN");
  pair.plugin.backend(1).query = [](const fvattn_problem&, fvattn_support& out) {
    out.supported = 0;
    out.reasons = FVATTN_R_GQA | FVATTN_R_DTYPE;
  };
  CHECK_CONTAINS(pair.refusal().text(), "GQA");
  CHECK_CONTAINS(pair.refusal().text(), "DTYPE");
  pair.problem.head_dim = 160;  // a note for one reason, none for the others
  pair.plugin.backend(1).query = [](const fvattn_problem&, fvattn_support& out) { out.reasons |= FVATTN_R_GQA; };
  CHECK_CONTAINS(pair.refusal().text(), "head dim 160 is above 128 [HEAD_DIM]\n    - GQA");
}

TEST_CASE("the automatic error has one paragraph a candidate") {
  Pair pair;
  pair.problem.head_dim = 300;
  const std::string text = pair.refusal().text();
  CHECK(count_of(text, "is not supported because:") == 2);
  CHECK_CONTAINS(text, "head dim 300 is above 128");
  CHECK_CONTAINS(text, "head dim 300 is above 256");
}

TEST_CASE("prefer: takes it where it can") {
  Pair pair;
  pair.set_variable("prefer:TORCH_SDPA");
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK(pair.source() == SelectionSource::environment);
}

TEST_CASE("prefer: goes on without it where it cannot, with a warning that says why, once") {
  Pair pair;
  pair.request.layer = "prefer.0.warning";
  pair.set_variable("prefer:FLASH_ATTN");
  pair.problem.head_dim = 160;
  const LogCapture capture("warn");
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK(pair.source() == SelectionSource::automatic);
  pair.request.layer = "prefer.1.warning";
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK(count_of(capture.text(), "[warning]") == 1);
  CHECK_CONTAINS(capture.text(), "head dim 160 is above 128");
  // By automatic choice means: by the layer's default first, and past the environment.
  pair.request.backend = "prefer:FLASH_ATTN";
  pair.request.layer_default = "TORCH_SDPA";
  pair.set_variable("NOT_EVEN_READ");
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK(pair.source() == SelectionSource::layer_default);
}

TEST_CASE("prefer: of a name that no plugin offers goes on; of a typo it is an error") {
  Pair pair;
  pair.set_variable("prefer:SAGE_ATTN");
  CHECK(pair.chosen() == "FLASH_ATTN");
  pair.set_variable("prefer:FLASH_ATN");
  CHECK(pair.refusal().code == Code::invalid_argument);
}

TEST_CASE("a preference outside the layer's list goes on; of an argument with a warning") {
  Pair pair;
  pair.request.supported = {"TORCH_SDPA"};
  pair.request.backend = "prefer:FLASH_ATTN";
  pair.request.layer = "prefer.unlisted.argument";
  const LogCapture capture("warn");
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK_CONTAINS(capture.text(), "the layer supports TORCH_SDPA");
}

TEST_CASE("a preference of the environment for what the layer does not support is no warning") {
  Pair pair;
  pair.request.supported = {"TORCH_SDPA"};
  pair.request.layer = "prefer.unlisted.environment";
  pair.set_variable("prefer:FLASH_ATTN");
  const LogCapture capture("info");
  CHECK(pair.chosen() == "TORCH_SDPA");
  CHECK_CONTAINS(
      capture.text(),
      "[info] select: layer prefer.unlisted.environment: FASTVIDEO_ATTENTION_BACKEND asks for prefer:FLASH_ATTN");
  CHECK_LACKS(capture.text(), "[warning]");
}

TEST_CASE("a backend whose query fails says so") {
  Pair pair;
  pair.set_variable("FLASH_ATTN");
  pair.plugin.backend(1).query_status = FVATTN_INTERNAL;
  CHECK_CONTAINS(pair.refusal().text(), "`test.pair/FLASH_ATTN` is not supported because:\n    - asking it failed");
}

TEST_CASE("a gradient that a backend cannot give is a reason") {
  SelectorFixture fixture;
  const TestPlugin plugin("test.forward", {{.name = "FORWARD_ATTN", .has_backward = false}});
  plugin.add_to(fixture.registry);
  CHECK(fixture.chosen() == "FORWARD_ATTN");
  fixture.problem.flags = FVATTN_PROBLEM_NEED_GRAD;
  CHECK_CONTAINS(fixture.refusal().text(), "BACKWARD");
}
