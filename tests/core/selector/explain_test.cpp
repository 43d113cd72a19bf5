// explain() as data, and the three lines of the log.
#include "core/support/log_capture.hpp"
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Shop : SelectorFixture {
  TestPlugin plugin{"test.shop",
                    {{.name = "TORCH_SDPA", .score = 0.3},
                     {.name = "FLASH_ATTN", .score = 0.6, .max_head_dim = 128},
                     {.name = "VIDEO_SPARSE_ATTN", .score = 0.9, .approximate = true}}};
  Shop() { plugin.add_to(registry); }
  Explanation explain() { return selector.explain(request, cpu_device(), problem); }
};

const CandidateTrace& candidate(const Explanation& explanation, const std::string& name) {
  for (const CandidateTrace& trace : explanation.candidates)
    if (trace.name == name) return trace;
  FAIL("no candidate " << name);
  return explanation.candidates.front();
}

std::string failed_stage(const CandidateTrace& trace) {
  for (const auto& stage : trace.stages)
    if (!stage.passed) return stage.name + ": " + stage.detail;
  return {};
}

std::string all(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("every candidate with the stage at which it failed, the chosen one marked") {
  Shop shop;
  const Explanation explanation = shop.explain();
  REQUIRE(explanation.selection.has_value());
  CHECK(explanation.selection->backend->get_name() == "FLASH_ATTN");
  CHECK(explanation.status.ok());
  CHECK(explanation.candidates.size() == 3);
  CHECK(candidate(explanation, "FLASH_ATTN").chosen);
  CHECK_FALSE(candidate(explanation, "TORCH_SDPA").chosen);
  CHECK(failed_stage(candidate(explanation, "TORCH_SDPA")).empty());
  CHECK(candidate(explanation, "TORCH_SDPA").support.score == doctest::Approx(0.3));
  CHECK_CONTAINS(failed_stage(candidate(explanation, "VIDEO_SPARSE_ATTN")), "opt-in: ");
  CHECK_CONTAINS(explanation.request_text, "layer blocks.0.attn1: B1 Sq64");
  CHECK_CONTAINS(explanation.request_text, "on cpu");
}

TEST_CASE("the chain says what each source asked for") {
  Shop shop;
  shop.request.supported = {"FLASH_ATTN", "TORCH_SDPA"};
  shop.request.layer_default = "TORCH_SDPA";
  shop.set_variable("VIDEO_SPARSE_ATTN");
  const Explanation explanation = shop.explain();
  REQUIRE(explanation.steps.size() == 4);
  CHECK_CONTAINS(explanation.steps[0], "explicit argument: asks for nothing");
  CHECK_CONTAINS(explanation.steps[1], "scope: asks for nothing");
  CHECK_CONTAINS(explanation.steps[2],
                 "environment: VIDEO_SPARSE_ATTN: not for this layer, which supports FLASH_ATTN, TORCH_SDPA");
  CHECK_CONTAINS(explanation.steps[3], "layer default: TORCH_SDPA: test.shop/TORCH_SDPA serves it");
  CHECK(candidate(explanation, "FLASH_ATTN").stages.size() >= 3);  // looked at though nobody asked for it
}

TEST_CASE("settings that would change the outcome are named, and are true") {
  Shop shop;
  const std::string changes = all(shop.explain().changes);
  CHECK_CONTAINS(changes, "FASTVIDEO_ATTENTION_BACKEND=TORCH_SDPA: test.shop/TORCH_SDPA (environment)");
  CHECK_CONTAINS(changes, "FASTVIDEO_ATTENTION_BACKEND=VIDEO_SPARSE_ATTN: test.shop/VIDEO_SPARSE_ATTN (environment)");
  CHECK_LACKS(changes, "=FLASH_ATTN");
  shop.set_variable("VIDEO_SPARSE_ATTN");
  CHECK(shop.chosen() == "VIDEO_SPARSE_ATTN");
  CHECK_CONTAINS(all(shop.explain().changes), "without FASTVIDEO_ATTENTION_BACKEND: test.shop/FLASH_ATTN (automatic)");
}

TEST_CASE("a change is proposed at the source that is heard") {
  Shop shop;
  shop.set_variable("TORCH_SDPA");
  const ScopedAttnBackend scope("TORCH_SDPA");
  CHECK_CONTAINS(all(shop.explain().changes), "ScopedAttnBackend FLASH_ATTN: test.shop/FLASH_ATTN (scope)");
  shop.request.backend = "TORCH_SDPA";
  CHECK_CONTAINS(all(shop.explain().changes), "the argument `backend` FLASH_ATTN: test.shop/FLASH_ATTN (explicit argument)");
  CHECK_LACKS(all(shop.explain().changes), "without");  // the scope and the variable say the same
}

TEST_CASE("a backend outside the layer's list is proposed with the list") {
  Shop shop;
  shop.request.supported = {"FLASH_ATTN", "TORCH_SDPA"};
  CHECK_CONTAINS(all(shop.explain().changes),
                 "VIDEO_SPARSE_ATTN with VIDEO_SPARSE_ATTN in the layer's supported list: test.shop/VIDEO_SPARSE_ATTN");
}

TEST_CASE("a failure is explained with the way out") {
  Shop shop;
  shop.set_variable("FLASH_ATTN");
  shop.problem.head_dim = 160;
  const Explanation explanation = shop.explain();
  CHECK_FALSE(explanation.selection.has_value());
  CHECK(explanation.status.code == Code::unavailable);
  CHECK_CONTAINS(failed_stage(candidate(explanation, "FLASH_ATTN")), "capability: head dim 160 is above 128");
  CHECK_CONTAINS(all(explanation.changes),
                 "FASTVIDEO_ATTENTION_BACKEND=prefer:FLASH_ATTN: test.shop/TORCH_SDPA (automatic)");
  CHECK_CONTAINS(all(explanation.changes), "FASTVIDEO_ATTENTION_BACKEND=TORCH_SDPA: test.shop/TORCH_SDPA (environment)");
  shop.set_variable("FLASH_ATN");
  CHECK(shop.explain().status.code == Code::invalid_argument);
  CHECK_CONTAINS(all(shop.explain().changes), "without FASTVIDEO_ATTENTION_BACKEND");
}

TEST_CASE("a name of the reference without a plugin is a candidate that is not registered") {
  Shop shop;
  shop.set_variable("SAGE_ATTN");
  CHECK_CONTAINS(failed_stage(candidate(shop.explain(), "SAGE_ATTN")), "registered: no plugin offers SAGE_ATTN");
}

TEST_CASE("explaining decides as selecting does, leaves no trace in the log and no entry in the memo") {
  Shop shop;
  shop.request.layer = "explain.quietly";
  shop.set_variable("prefer:SAGE_ATTN");
  const LogCapture capture("debug");
  const Explanation explanation = shop.explain();
  CHECK(explanation.selection->backend->get_name() ==
        shop.selector.explain(shop.request, cpu_device(), shop.problem).selection->backend->get_name());
  CHECK_LACKS(capture.text(), "explain.quietly");
  CHECK(shop.chosen() == explanation.selection->backend->get_name());
  CHECK_CONTAINS(capture.text(), "[warning] select: layer explain.quietly");
}

TEST_CASE("the three lines at debug level, once a decision and not once a call") {
  Shop shop;
  shop.request.layer = "three.lines";
  shop.problem.head_dim = 160;
  const LogCapture capture("select=debug");
  CHECK(shop.chosen() == "TORCH_SDPA");
  CHECK(shop.chosen() == "TORCH_SDPA");
  const std::string text = capture.text();
  CHECK(count_of(text, "layer three.lines: Disabling FLASH_ATTN as head dim 160 is above 128") == 1);
  CHECK(count_of(text, "Disabling VIDEO_SPARSE_ATTN as it is approximate") == 1);
  CHECK(count_of(text, "layer three.lines: Available backends = {TORCH_SDPA}") == 1);
  CHECK(count_of(text, "layer three.lines: Selected backend = TORCH_SDPA (automatic, test.shop/TORCH_SDPA 1.2.3") == 1);
}

TEST_CASE("at info one line for all blocks") {
  Shop shop;
  const LogCapture capture("info");
  for (int i = 0; i < 40; ++i) {
    shop.request.layer = "info.blocks." + std::to_string(i) + ".attn1";
    CHECK(shop.chosen() == "FLASH_ATTN");
  }
  CHECK(count_of(capture.text(), "info.blocks.*.attn1 uses test.shop/FLASH_ATTN 1.2.3") == 1);
  CHECK(count_of(capture.text(), "info.blocks") == 1);
  shop.request.layer = "info.blocks.0.attn2";
  CHECK(shop.chosen() == "FLASH_ATTN");
  CHECK(count_of(capture.text(), "info.blocks") == 2);
}

TEST_CASE("a failure is logged as well") {
  Shop shop;
  shop.set_variable("SAGE_ATTN");
  const LogCapture capture("select=debug");
  CHECK_FALSE(shop.selector.select(shop.request, cpu_device(), shop.problem).ok());
  CHECK_CONTAINS(capture.text(), "Available backends = {}");
  CHECK_CONTAINS(capture.text(), "Selected backend = none");
}
