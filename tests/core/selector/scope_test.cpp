// The thread-local stack of forced backends and the reference's functions over it.
#include "fixture.hpp"

#include <fvattn/context.hpp>

#include <thread>
#include <vector>

using namespace fvattn;
using namespace fvattn::test;

namespace {

// default_context() lives as long as the process: its plugins are added once.
const TestPlugin& default_plugin() {
  static const TestPlugin plugin = [] {
    TestPlugin made(
        "test.default",
        {{.name = "TORCH_SDPA", .score = 0.3}, {.name = "FLASH_ATTN", .score = 0.6}, {.name = "HOUSE_ATTN", .score = 0.1}});
    default_context().reload_environment(Environment::from(isolated()));
    made.add_to(default_context().registry());
    return made;
  }();
  return plugin;
}

}  // namespace

TEST_CASE("scopes nest and restore, on exceptions too") {
  CHECK(current_scope_backend().empty());
  try {
    const ScopedAttnBackend outer("A_ATTN");
    {
      const ScopedAttnBackend inner("B_ATTN");
      CHECK(current_scope_backend() == "B_ATTN");
    }
    CHECK(current_scope_backend() == "A_ATTN");
    const ScopedAttnBackend thrown("C_ATTN");
    throw std::runtime_error("a layer failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(current_scope_backend().empty());
}

TEST_CASE("a scope on the heap may go before an inner one") {
  auto outer = std::make_unique<ScopedAttnBackend>("A_ATTN");
  const ScopedAttnBackend inner("B_ATTN");
  outer.reset();
  CHECK(current_scope_backend() == "B_ATTN");
}

TEST_CASE("a scope is of its thread alone") {
  Registry* registry = nullptr;
  SelectorFixture fixture;
  const TestPlugin plugin(
      "test.threads",
      {{.name = "A_ATTN", .score = 0.1}, {.name = "B_ATTN", .score = 0.2}, {.name = "C_ATTN", .score = 0.3}});
  plugin.add_to(fixture.registry);
  registry = &fixture.registry;
  REQUIRE(registry->backend_names().size() == 3);
  const ScopedAttnBackend scope("A_ATTN");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const char* name = t % 2 == 0 ? "B_ATTN" : "";
      const ScopedAttnBackend own(name);
      for (int i = 0; i < 200; ++i) {
        const auto selection = fixture.selector.select(fixture.request, cpu_device(), fixture.problem);
        if (!selection || selection->backend->get_name() != (t % 2 == 0 ? "B_ATTN" : "C_ATTN")) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(fixture.chosen() == "A_ATTN");
}

TEST_CASE("threads select while the environment changes") {
  SelectorFixture fixture;
  const TestPlugin plugin("test.race", {{.name = "A_ATTN"}, {.name = "B_ATTN"}});
  plugin.add_to(fixture.registry);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!stop) CHECK(fixture.selector.select(fixture.request, cpu_device(), fixture.problem).ok());
    });
  for (int i = 0; i < 100; ++i) fixture.set_variable(i % 2 == 0 ? "A_ATTN" : "B_ATTN");
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(fixture.chosen() == "B_ATTN");
}

TEST_CASE("names and ids: the reference's order, then ids of their own") {
  default_plugin();
  const auto& names = reference_backend_names();
  REQUIRE(names.size() == 8);
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(backend_name_to_enum(names[i]) == static_cast<AttentionBackendEnum>(i + 1));
    CHECK(backend_enum_to_name(static_cast<AttentionBackendEnum>(i + 1)) == names[i]);
  }
  CHECK(backend_name_to_enum("VMOBA_ATTN") == AttentionBackendEnum::VMOBA_ATTN);
  const auto house = backend_name_to_enum("HOUSE_ATTN");
  REQUIRE(house.has_value());
  CHECK(static_cast<int>(*house) >= kFirstForeignId);
  CHECK(backend_name_to_enum("HOUSE_ATTN") == house);
  CHECK(backend_name_to_enum("test.default/HOUSE_ATTN") == house);
  CHECK(backend_enum_to_name(*house) == "HOUSE_ATTN");
  for (const char* name : {"", "house_attn", " TORCH_SDPA", "NOBODY"}) CHECK_FALSE(backend_name_to_enum(name).has_value());
  for (const int id : {0, 9, -1, 999, 1000000}) CHECK(backend_enum_to_name(static_cast<AttentionBackendEnum>(id)).empty());
}

TEST_CASE("the reference's force functions") {
  default_plugin();
  CHECK_FALSE(get_global_forced_attn_backend().has_value());
  global_force_attn_backend(AttentionBackendEnum::TORCH_SDPA);
  CHECK(get_global_forced_attn_backend() == AttentionBackendEnum::TORCH_SDPA);
  std::thread([] { CHECK_FALSE(get_global_forced_attn_backend().has_value()); }).join();
  {
    const global_force_attn_backend_context_manager scope("FLASH_ATTN");
    CHECK(get_global_forced_attn_backend() == AttentionBackendEnum::FLASH_ATTN);
    global_force_attn_backend(AttentionBackendEnum::VMOBA_ATTN);  // inside: holds until the scope goes
    CHECK(get_global_forced_attn_backend() == AttentionBackendEnum::VMOBA_ATTN);
  }
  CHECK(get_global_forced_attn_backend() == AttentionBackendEnum::TORCH_SDPA);
  for (const char* other : {"prefer:FLASH_ATTN", "auto", "FLASH_ATTN,TORCH_SDPA", ""}) {
    const ScopedAttnBackend scope(other);
    CHECK_FALSE(get_global_forced_attn_backend().has_value());
  }
  global_force_attn_backend(std::nullopt);
  CHECK_FALSE(get_global_forced_attn_backend().has_value());
  CHECK_THROWS_AS(global_force_attn_backend(static_cast<AttentionBackendEnum>(99)), Error);
}

TEST_CASE("the reference's view of the environment") {
  default_plugin();
  const auto with = [](const char* value) {
    default_context().reload_environment(Environment::from(backend_variable(value)));
    return get_env_variable_attn_backend();
  };
  CHECK(with("FLASH_ATTN") == AttentionBackendEnum::FLASH_ATTN);
  CHECK(with("test.default/TORCH_SDPA") == AttentionBackendEnum::TORCH_SDPA);
  CHECK_FALSE(with("").has_value());
  CHECK_FALSE(with("auto").has_value());
  CHECK_FALSE(with("prefer:FLASH_ATTN").has_value());
  CHECK_FALSE(with("FLASH_ATTN,TORCH_SDPA").has_value());
  CHECK_THROWS_WITH_AS(with("FLASH_ATN"), doctest::Contains("did you mean FLASH_ATTN?"), Error);
  CHECK_THROWS_AS(with("A,,B"), Error);
  default_context().reload_environment(Environment::from(isolated()));
}

TEST_CASE("get_attn_backend") {
  default_plugin();
  CHECK(get_attn_backend(64, FVATTN_DTYPE_FLOAT, 32, SupportedBackends::any()).get_name() == "FLASH_ATTN");
  CHECK(get_attn_backend(64, FVATTN_DTYPE_FLOAT, 32, {"TORCH_SDPA"}).get_name() == "TORCH_SDPA");
  {
    const ScopedAttnBackend scope("TORCH_SDPA");
    CHECK(get_attn_backend(64, FVATTN_DTYPE_FLOAT, 32, SupportedBackends::any()).get_name() == "TORCH_SDPA");
  }
  CHECK_THROWS_WITH_AS(get_attn_backend(64, FVATTN_DTYPE_FLOAT, 32, SupportedBackends(std::vector<std::string>{})),
                       doctest::Contains("supported_attention_backends is empty"), Error);
  CHECK_THROWS_AS(get_attn_backend(1024, FVATTN_DTYPE_FLOAT, 32, SupportedBackends::any()), Error);
}
