// No stale answer: a change of any input is heard at once, failures are forgotten, and hits ask nobody.
#include "fixture.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Two : SelectorFixture {
  TestPlugin plugin{"test.two",
                    {{.name = "TORCH_SDPA", .score = 0.3}, {.name = "FLASH_ATTN", .score = 0.6, .max_head_dim = 128}}};
  Two() { plugin.add_to(registry); }
};

}  // namespace

TEST_CASE("the same inputs ask no backend again") {
  Two two;
  CHECK(two.chosen() == "FLASH_ATTN");
  const int asked = two.plugin.queries(1);
  CHECK(asked > 0);
  for (int i = 0; i < 10; ++i) CHECK(two.chosen() == "FLASH_ATTN");
  CHECK(two.plugin.queries(1) == asked);
  two.set_variable("FLASH_ATTN");
  for (int i = 0; i < 10; ++i) CHECK(two.chosen() == "FLASH_ATTN");
  CHECK(two.plugin.queries(1) == asked + 1);
}

TEST_CASE("a new environment is heard, and so is its going back") {
  Two two;
  two.set_variable("TORCH_SDPA");
  CHECK(two.chosen() == "TORCH_SDPA");
  two.set_variable("FLASH_ATTN");
  CHECK(two.chosen() == "FLASH_ATTN");
  two.set_variable("TORCH_SDPA");
  CHECK(two.chosen() == "TORCH_SDPA");
  two.set_variable("TORCH_SPDA");
  CHECK(two.refusal().code == Code::invalid_argument);
  two.set_variable("");
  CHECK(two.chosen() == "FLASH_ATTN");
}

TEST_CASE("a scope is heard between two equal calls") {
  Two two;
  CHECK(two.chosen() == "FLASH_ATTN");
  {
    const ScopedAttnBackend scope("TORCH_SDPA");
    CHECK(two.chosen() == "TORCH_SDPA");
  }
  CHECK(two.chosen() == "FLASH_ATTN");
}

TEST_CASE("the problem, the device, the argument, the default and the list are heard") {
  Two two;
  CHECK(two.chosen() == "FLASH_ATTN");
  two.problem.head_dim = 160;
  CHECK(two.chosen() == "TORCH_SDPA");
  two.problem.head_dim = 64;
  CHECK(two.chosen() == "FLASH_ATTN");
  two.request.layer_default = "TORCH_SDPA";
  CHECK(two.chosen() == "TORCH_SDPA");
  two.request.layer_default.clear();
  two.request.backend = "TORCH_SDPA";
  CHECK(two.chosen() == "TORCH_SDPA");
  two.request.backend.clear();
  two.request.supported = {"TORCH_SDPA"};
  CHECK(two.chosen() == "TORCH_SDPA");
  two.request.supported = SupportedBackends::any();
  two.plugin.backend(1).cpu_only = true;
  Device gpu;
  gpu.c.size = sizeof(gpu.c);
  gpu.c.type = FVATTN_CUDA;
  gpu.name = "a GPU of the test";
  CHECK(two.selector.select(two.request, gpu, two.problem)->backend->get_name() == "TORCH_SDPA");
  CHECK(two.chosen() == "FLASH_ATTN");
}

TEST_CASE("a plugin registered later is heard") {
  Two two;
  CHECK(two.chosen() == "FLASH_ATTN");
  const TestPlugin late("test.late", {{.name = "LATE_ATTN", .score = 0.99}});
  late.add_to(two.registry);
  CHECK(two.chosen() == "LATE_ATTN");
}

TEST_CASE("a failure is not remembered") {
  Two two;
  two.set_variable("FLASH_ATTN");
  two.plugin.backend(1).always_refuses = {{FVATTN_R_MEMORY, "no memory now"}};
  CHECK_CONTAINS(two.refusal().text(), "no memory now");
  two.plugin.backend(1).always_refuses.clear();
  CHECK(two.chosen() == "FLASH_ATTN");
}

TEST_CASE("a second-best choice made because asking failed is not remembered") {
  Two two;
  two.plugin.backend(1).query_status = FVATTN_RESOURCE_EXHAUSTED;
  CHECK(two.chosen() == "TORCH_SDPA");
  two.plugin.backend(1).query_status = FVATTN_OK;
  CHECK(two.chosen() == "FLASH_ATTN");
}

TEST_CASE("two selectors over one registry keep their environments apart") {
  Two two;
  Selector other(std::make_shared<const Environment>(Environment::from(backend_variable("TORCH_SDPA"))), two.registry);
  CHECK(two.chosen() == "FLASH_ATTN");
  CHECK(other.select(two.request, cpu_device(), two.problem)->backend->get_name() == "TORCH_SDPA");
  CHECK(two.chosen() == "FLASH_ATTN");
}
