#include "core/support/log_capture.hpp"
#include "fixture.hpp"

#include <fvattn/context.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

std::string chosen(Context& context) {
  Problem problem;
  problem.q_len = problem.kv_len = 16;
  const auto selection = context.selector().select({}, cpu_device(), problem);
  return selection ? selection->backend->get_name() : selection.status().text();
}

}  // namespace

TEST_CASE("a context decides by its own environment, and by the new one after a reload") {
  const TestPlugin plugin("test.context", {{.name = "A_ATTN", .score = 0.9}, {.name = "B_ATTN"}});
  Context first(Environment::from(isolated())), second(Environment::from(backend_variable("B_ATTN")));
  plugin.add_to(first.registry());
  plugin.add_to(second.registry());
  CHECK(chosen(first) == "A_ATTN");
  CHECK(chosen(second) == "B_ATTN");
  first.reload_environment(Environment::from(backend_variable("B_ATTN")));
  CHECK(chosen(first) == "B_ATTN");
  CHECK(first.environment()->get(env::kBackend) == "B_ATTN");
  first.reload_environment(Environment::from(isolated()));
  CHECK(chosen(first) == "A_ATTN");
}

TEST_CASE("the process's environment is read when the context is made and when it is told to") {
  setenv(env::kPluginFiles, "", 1);
  setenv(env::kBackend, "A_ATTN", 1);
  const TestPlugin plugin("test.process", {{.name = "A_ATTN"}, {.name = "B_ATTN"}});
  Context context;
  plugin.add_to(context.registry());
  setenv(env::kBackend, "B_ATTN", 1);
  CHECK(chosen(context) == "A_ATTN");
  context.reload_environment();
  CHECK(chosen(context) == "B_ATTN");
  unsetenv(env::kBackend);
  unsetenv(env::kPluginFiles);
}

TEST_CASE("a snapshot lives as long as somebody holds it") {
  Context context(Environment::from(backend_variable("A_ATTN")));
  const auto held = context.environment();
  context.reload_environment(Environment::from(isolated()));
  CHECK(held->get(env::kBackend) == "A_ATTN");
}

TEST_CASE("unknown variables and troubles of the settings file are logged once") {
  const TemporaryFolder folder;
  const std::string file = folder.write("s.toml", "bakend = \"X\"\n");
  Environment environment = Environment::from(isolated({{"FASTVIDEO_ATTENTION_BACKND", "X"}, {env::kSettings, file}}));
  environment.load_settings();
  const LogCapture capture("warn");
  Context first(environment), second(environment);
  first.reload_environment(environment);
  const std::string text = capture.text();
  CHECK(count_of(
            text,
            "FASTVIDEO_ATTENTION_BACKND is not a variable that fvattn reads; did you mean FASTVIDEO_ATTENTION_BACKEND?") ==
        1);
  CHECK(count_of(text, "key 'bakend' is unknown") == 1);
}

TEST_CASE("a metadata builder by name") {
  Context context(Environment::from(isolated()));
  fvattn_meta_key key{};
  key.dflt.key = {"chunk", 5};
  key.dflt.kind = FVATTN_I64;
  key.dflt.v.i64 = 4;
  const TestPlugin plugin("test.builder", {{.name = "A_ATTN", .meta_keys = {key}}});
  plugin.add_to(context.registry());
  auto builder = context.metadata_builder("A_ATTN");
  REQUIRE(builder.ok());
  (*builder)->prepare();
  const auto metadata = (*builder)->build({});
  REQUIRE_MESSAGE(metadata.ok(), metadata.status().text());
  CHECK(std::get<int64_t>((*metadata)->values().at("chunk")) == 4);
  CHECK((*metadata)->backend().get_name() == "A_ATTN");
  CHECK((*metadata)->as_dict().at("chunk") == &(*metadata)->values().at("chunk"));
  CHECK((*metadata)->as_dict({"chunk"}).empty());
  CHECK_FALSE((*builder)->build({{"chunks", int64_t{1}}}).ok());

  const auto unknown = context.metadata_builder("A_ATN");
  REQUIRE_FALSE(unknown.ok());
  CHECK_CONTAINS(unknown.status().text(), "did you mean A_ATTN?");
  const auto absent = context.metadata_builder("SAGE_ATTN");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.status().code == Code::unavailable);
}

TEST_CASE("there is one default context") { CHECK(&default_context() == &default_context()); }
