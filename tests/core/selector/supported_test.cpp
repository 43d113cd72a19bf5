// The layer's list of supported backends against each source.
#include "core/support/log_capture.hpp"
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

const SupportedBackends kCross{"FLASH_ATTN", "TORCH_SDPA"};
const SupportedBackends kSelf{"FLASH_ATTN", "TORCH_SDPA", "VIDEO_SPARSE_ATTN"};

struct Mixed : SelectorFixture {
  TestPlugin plugin{"test.mixed",
                    {{.name = "TORCH_SDPA", .score = 0.3},
                     {.name = "FLASH_ATTN", .score = 0.6},
                     {.name = "VIDEO_SPARSE_ATTN", .score = 0.9, .approximate = true},
                     {.name = "FOREIGN_ATTN", .score = 0.2}}};
  Mixed() {
    plugin.add_to(registry);
    request.supported = kCross;
  }
};

}  // namespace

TEST_CASE("lists and what they admit") {
  CHECK(SupportedBackends::any().lists("ANYTHING"));
  CHECK(SupportedBackends::any().admits_foreign());
  CHECK_FALSE(SupportedBackends::any().empty());
  CHECK(kCross.lists("TORCH_SDPA"));
  CHECK_FALSE(kCross.lists("VMOBA_ATTN"));
  CHECK_FALSE(kCross.admits_foreign());
  CHECK(kSelf.admits_foreign());
  CHECK(SupportedBackends(std::vector<std::string>{}).empty());
  CHECK_FALSE(SupportedBackends(std::vector<std::string>{}).admits_foreign());
}

TEST_CASE("a layer that lacks the environment's choice uses its default and says so once, at info") {
  Mixed mixed;
  mixed.request.layer = "say.once.0.attn2";
  mixed.request.layer_default = "TORCH_SDPA";
  mixed.set_variable("VIDEO_SPARSE_ATTN");
  const LogCapture capture("info");
  CHECK(mixed.chosen() == "TORCH_SDPA");
  CHECK(mixed.source() == SelectionSource::layer_default);
  for (int layer = 1; layer < 40; ++layer) {
    mixed.request.layer = "say.once." + std::to_string(layer) + ".attn2";
    CHECK(mixed.chosen() == "TORCH_SDPA");
  }
  const std::string said = capture.text();
  CHECK(count_of(said, "asks for VIDEO_SPARSE_ATTN, which this layer does not support") == 1);
  CHECK_CONTAINS(said, "[info] select: layer say.once.0.attn2: FASTVIDEO_ATTENTION_BACKEND asks for");
  CHECK_CONTAINS(said, "its default TORCH_SDPA");
  CHECK_LACKS(said, "[warning]");
}

TEST_CASE("without a default of its own the layer goes by automatic choice") {
  Mixed mixed;
  mixed.set_variable("VIDEO_SPARSE_ATTN");
  CHECK(mixed.chosen() == "FLASH_ATTN");
  CHECK(mixed.source() == SelectionSource::automatic);
}

TEST_CASE("a scope that is not for this layer does not fall through to the environment") {
  Mixed mixed;
  mixed.set_variable("TORCH_SDPA");
  const ScopedAttnBackend scope("VIDEO_SPARSE_ATTN");
  CHECK(mixed.chosen() == "FLASH_ATTN");
}

TEST_CASE("an argument or a default outside the list is an error") {
  Mixed mixed;
  mixed.request.backend = "VIDEO_SPARSE_ATTN";
  Status refusal = mixed.refusal();
  CHECK(refusal.code == Code::invalid_argument);
  CHECK_CONTAINS(refusal.text(), "FLASH_ATTN, TORCH_SDPA");
  CHECK_CONTAINS(refusal.text(), "layer blocks.0.attn1");
  mixed.request.backend = "FOREIGN_ATTN";
  CHECK(mixed.refusal().code == Code::invalid_argument);
  mixed.request.supported = kSelf;
  CHECK(mixed.refusal().code == Code::invalid_argument);
  mixed.request.supported = {"FOREIGN_ATTN"};
  CHECK(mixed.chosen() == "FOREIGN_ATTN");
  mixed.request.supported = kCross;
  mixed.request.backend.clear();
  mixed.request.layer_default = "VIDEO_SPARSE_ATTN";
  CHECK(mixed.refusal().code == Code::invalid_argument);
}

TEST_CASE(
    "a foreign name counts as listed where the list has more than FLASH_ATTN and TORCH_SDPA: there a refusal is an error") {
  Mixed mixed;
  mixed.set_variable("FOREIGN_ATTN");
  for (const SupportedBackends& supported : {kSelf, SupportedBackends::any()}) {
    mixed.request.supported = supported;
    mixed.problem.head_dim = 64;
    CHECK(mixed.chosen() == "FOREIGN_ATTN");
    mixed.problem.head_dim = 300;
    const Status refusal = mixed.refusal();
    CHECK(refusal.code == Code::unavailable);
    CHECK_CONTAINS(refusal.text(), "head dim 300 is above 256");
  }
}

TEST_CASE("in a layer that lists only those two a foreign name is used if it can serve, and said once if not") {
  Mixed mixed;
  mixed.request.layer = "foreign.if.it.can";
  mixed.set_variable("FOREIGN_ATTN");
  CHECK(mixed.chosen() == "FOREIGN_ATTN");
  CHECK(mixed.source() == SelectionSource::environment);
  const LogCapture capture("info");
  mixed.plugin.backend(3).max_head_dim = 32;
  mixed.problem.head_dim = 96;
  CHECK(mixed.chosen() == "FLASH_ATTN");
  CHECK(mixed.source() == SelectionSource::automatic);
  CHECK(count_of(capture.text(), "asks for FOREIGN_ATTN, which this layer does not support") == 1);
  const ScopedAttnBackend scope("FOREIGN_ATTN");
  CHECK(mixed.chosen() == "FLASH_ATTN");
}

TEST_CASE("a list goes name by name: those that the layer cannot have are passed over") {
  Mixed mixed;
  mixed.set_variable("VIDEO_SPARSE_ATTN,TORCH_SDPA");
  CHECK(mixed.chosen() == "TORCH_SDPA");
  CHECK(mixed.source() == SelectionSource::environment);
  mixed.problem.head_dim = 300;
  const Status refusal = mixed.refusal();  // one of them was the layer's to have, so it binds
  CHECK(refusal.code == Code::unavailable);
  CHECK_CONTAINS(refusal.text(), "TORCH_SDPA` is not supported because:");
}

TEST_CASE("a typo is an error in every layer, also in one that would not listen") {
  Mixed mixed;
  mixed.set_variable("VIDEO_SPARSE_ATN");
  CHECK(mixed.refusal().code == Code::invalid_argument);
  mixed.set_variable("TORCH_SDPA,NOBODY_AT_ALL");
  CHECK_CONTAINS(mixed.refusal().text(), "'NOBODY_AT_ALL'");
}

TEST_CASE("an unusable environment value is an error only where the environment is asked") {
  Mixed mixed;
  mixed.set_variable("TORCH_SPDA");
  mixed.request.backend = "FLASH_ATTN";
  CHECK(mixed.chosen() == "FLASH_ATTN");
  mixed.request.backend = "auto";
  CHECK(mixed.chosen() == "FLASH_ATTN");
  mixed.request.backend.clear();
  {
    const ScopedAttnBackend scope("TORCH_SDPA");
    CHECK(mixed.chosen() == "TORCH_SDPA");
  }
  CHECK(mixed.refusal().code == Code::invalid_argument);
}
