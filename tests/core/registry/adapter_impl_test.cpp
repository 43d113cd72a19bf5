// create, plan and the stages through the adapter.
#include "adapter_fixture.hpp"

#include <cstring>

using namespace fvattn;
using namespace fvattn::test;

namespace {

void set_spec(fvattn_spec& spec, const char* name, std::vector<int64_t> shape) {
  spec = {};
  spec.name = {name, std::strlen(name)};
  spec.dtype_code = FVATTN_DTYPE_FLOAT;
  spec.dtype_bits = 32;
  spec.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), spec.dim);
}

std::string text_of(fvattn_str text) { return {text.p, text.n}; }

}  // namespace

TEST_CASE("an impl gets device, nominal problem, prefix and options, and goes once") {
  Fake fake;
  fake.option_keys = {key("chunk", FVATTN_F64)};
  std::string prefix;
  double chunk = 0;
  int64_t q_len = 0;
  fake.on_create = [&](const fvattn_impl_desc& desc, auto*) {
    prefix = text_of(desc.prefix);
    q_len = desc.nominal->q_len;
    chunk = desc.options.p[0].v.f64;
    return desc.device->type == FVATTN_CPU ? FVATTN_OK : FVATTN_INTERNAL;
  };
  const AttentionBackend& backend = fake.registered();
  {
    // An integer where a number is asked; neutral values of options that it does not know.
    const auto impl = make_impl(
        backend,
        {{"chunk", int64_t{3}}, {"dropout_rate", 0.0}, {"flag", false}, {"text", std::string()}, {"n", int64_t{0}}});
    CHECK(&impl->backend() == &backend);
    CHECK(prefix == "blocks.3.attn1");
    CHECK(q_len == 16);
    CHECK(chunk == 3.0);
    CHECK(fake.destroyed == 0);
  }
  CHECK(fake.created == 1);
  CHECK(fake.destroyed == 1);

  const auto unknown = backend.make_impl(cpu_device(), small_problem(), "x", {{"chunkk", int64_t{3}}});
  CHECK_CONTAINS(unknown.status().text(), "test.fake/FAKE_ATTN options: key 'chunkk' is unknown");
  fake.on_create = [](auto&, fvattn_error* err) {
    return fail(err, FVATTN_RESOURCE_EXHAUSTED, "full", FVATTN_ERROR_RETRYABLE);
  };
  const auto failed = backend.make_impl(cpu_device(), small_problem(), "blocks.9", {});
  CHECK(failed.status().code == Code::resource_exhausted);
  CHECK(failed.status().flags == FVATTN_ERROR_RETRYABLE);
  CHECK_CONTAINS(failed.status().text(), "test.fake/FAKE_ATTN (blocks.9): create: full");
  CHECK(fake.destroyed == 1);
}

TEST_CASE("options that are named like variables are filled from the snapshot") {
  Fake fake;
  fake.environment[env::kConfig] = "/from/environment.json";
  fake.environment["FASTVIDEO_ATTENTION_MINE"] = "12";
  fake.option_keys = {key(env::kConfig, FVATTN_STR), key("FASTVIDEO_ATTENTION_MINE", FVATTN_I64),
                      key("FASTVIDEO_ATTENTION_UNSET", FVATTN_STR)};
  std::map<std::string, std::string> seen;
  fake.on_create = [&](const fvattn_impl_desc& desc, auto*) {
    for (size_t i = 0; i < desc.options.n; ++i) {
      const fvattn_kv& kv = desc.options.p[i];
      seen[text_of(kv.key)] = kv.kind == FVATTN_STR ? std::string(kv.v.str, kv.count) : std::to_string(kv.v.i64);
    }
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  make_impl(backend);
  CHECK(seen ==
        std::map<std::string, std::string>{{env::kConfig, "/from/environment.json"}, {"FASTVIDEO_ATTENTION_MINE", "12"}});
  seen.clear();
  make_impl(backend, {{env::kConfig, std::string("/given.json")}});
  CHECK(seen[env::kConfig] == "/given.json");
  // After another snapshot, new impls see it.
  fake.registry->rescan(
      std::make_shared<const Environment>(Environment::from({{env::kPluginFiles, ""}, {env::kConfig, "/later.json"}})));
  seen.clear();
  make_impl(backend);
  CHECK(seen[env::kConfig] == "/later.json");
}

TEST_CASE("the home in the strategy file's path is expanded, in no other text") {
  Fake fake;
  fake.environment["HOME"] = "/home/somebody";
  fake.environment[env::kConfig] = "~/masks.json";
  fake.environment["FASTVIDEO_ATTENTION_MINE"] = "~/as it is";
  fake.option_keys = {key(env::kConfig, FVATTN_STR), key("FASTVIDEO_ATTENTION_MINE", FVATTN_STR)};
  std::map<std::string, std::string> seen;
  fake.on_create = [&](const fvattn_impl_desc& desc, auto*) {
    for (size_t i = 0; i < desc.options.n; ++i)
      seen[text_of(desc.options.p[i].key)] = std::string(desc.options.p[i].v.str, desc.options.p[i].count);
    return FVATTN_OK;
  };
  make_impl(fake.registered());
  CHECK(seen[env::kConfig] == "/home/somebody/masks.json");
  CHECK(seen["FASTVIDEO_ATTENTION_MINE"] == "~/as it is");
}

TEST_CASE("a plan is copied, and its state freed with it, before the impl") {
  Fake fake;
  int state = 0;
  fake.on_plan = [&](const fvattn_problem& problem, auto*, fvattn_plan& plan, auto*) {
    plan.flags = FVATTN_PLAN_GRAPH_SAFE;
    plan.ws_forward = static_cast<uint64_t>(problem.q_len);
    plan.staged_q_len = 32;
    plan.n_saved = 1;
    set_spec(plan.saved[0], "lse", {1, 2, 3});
    plan.state = &state;
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  auto impl = make_impl(backend);
  {
    auto plan = impl->plan(small_problem(), nullptr);
    REQUIRE_MESSAGE(plan.ok(), plan.status().text());
    CHECK(plan->flags == FVATTN_PLAN_GRAPH_SAFE);
    CHECK(plan->ws_forward == 16);
    CHECK(plan->ws_align == 256);
    CHECK(plan->staged_q_len == 32);
    REQUIRE(plan->saved.size() == 1);
    CHECK(plan->saved[0] == Spec{"lse", FVATTN_DTYPE_FLOAT, 32, {1, 2, 3}});
    CHECK(plan->state.get() == &state);
    // The plan outlives the impl.
    impl.reset();
    CHECK(fake.destroyed == 0);
    CHECK(fake.freed_states.empty());
  }
  CHECK(fake.freed_states == std::vector<void*>{&state});
  CHECK(fake.destroyed == 1);
}

TEST_CASE("lists that do not fit are asked for again") {
  Fake fake;
  int calls = 0, states[2] = {};
  fake.on_plan = [&](auto&, auto*, fvattn_plan& plan, auto*) {
    plan.state = &states[calls++];
    plan.n_saved = 11;
    plan.n_outputs = 9;
    for (uint32_t i = 0; i < std::min(plan.n_saved, plan.cap_saved); ++i)
      set_spec(plan.saved[i], "s", {static_cast<int64_t>(i)});
    for (uint32_t i = 0; i < std::min(plan.n_outputs, plan.cap_outputs); ++i)
      set_spec(plan.outputs[i], "o", {static_cast<int64_t>(i)});
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  {
    const auto plan = impl->plan(small_problem(), nullptr);
    REQUIRE_MESSAGE(plan.ok(), plan.status().text());
    CHECK(calls == 2);
    REQUIRE(plan->saved.size() == 11);
    REQUIRE(plan->outputs.size() == 9);
    CHECK(plan->saved[10].shape == std::vector<int64_t>{10});
    CHECK(fake.freed_states == std::vector<void*>{&states[0]});  // of the first attempt
  }
  CHECK(fake.freed_states == std::vector<void*>{&states[0], &states[1]});
}

TEST_CASE("plans that cannot be") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  const auto error = [&](std::function<void(fvattn_plan&)> spoil) {
    fake.on_plan = [spoil](auto&, auto*, fvattn_plan& plan, auto*) {
      spoil(plan);
      return FVATTN_OK;
    };
    const auto plan = impl->plan(small_problem(), nullptr);
    REQUIRE_FALSE(plan.ok());
    CHECK(plan.status().code == Code::internal);
    return plan.status().text();
  };
  CHECK_CONTAINS(error([](fvattn_plan& plan) { plan.ws_align = 48; }), "no power of two (FVP-9); got 48");
  CHECK_CONTAINS(error([](fvattn_plan& plan) { plan.staged_kv_len = -1; }), "negative length");
  CHECK_CONTAINS(error([](fvattn_plan& plan) { plan.flags = FVATTN_PLAN_HAS_PRE; }),
                 "announced a stage that the backend does not have");
  CHECK_CONTAINS(error([](fvattn_plan& plan) { plan.n_saved = 1u << 30; }), "too many tensors");
  CHECK_CONTAINS(error([](fvattn_plan& plan) {
                   plan.n_saved = 1;
                   plan.saved[0].ndim = 9;
                   plan.saved[0].name = {"x", 1};
                 }),
                 "without a usable name or shape");
  CHECK_CONTAINS(error([](fvattn_plan& plan) { plan.n_outputs = 1; }),
                 "test.fake/FAKE_ATTN (blocks.3.attn1): plan gave a tensor");
}

TEST_CASE("a required tensor that is not there") {
  Fake fake;
  fake.tensor_keys = {tensor_key("gate_compress", FVATTN_TENSOR_REQUIRED, 4, 0)};
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  CHECK_CONTAINS(impl->plan(small_problem(), nullptr).status().text(),
                 "(blocks.3.attn1): the input tensor 'gate_compress' is required");
  Problem problem = small_problem();
  problem.extra = {{"gate_compress", FVATTN_DTYPE_FLOAT, 32, {1, 16, 1, 64}}};
  CHECK(impl->plan(problem, nullptr).ok());
}

TEST_CASE("stages: what is missing is UNIMPLEMENTED and never called") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  fvattn_call call{};
  call.size = sizeof(call);
  CHECK(impl->forward(call).ok());
  for (const Status& status :
       {impl->preprocess_qkv(call), impl->postprocess_output(call), impl->backward(call), impl->describe(call)}) {
    CHECK(status.code == Code::unimplemented);
    CHECK_CONTAINS(status.text(), "test.fake/FAKE_ATTN (blocks.3.attn1): the backend has no ");
  }
}

TEST_CASE("errors of a call") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  fvattn_call call{};
  call.size = sizeof(call);
  fake.on_call = [](auto&, fvattn_error* err) {
    err->native_code = 700;
    err->domain = FVATTN_DOMAIN_CUDART;
    return fail(err, FVATTN_INTERNAL, "launch failed", FVATTN_ERROR_OUTPUT_UNTOUCHED);
  };
  const Status status = impl->forward(call);
  CHECK(status.code == Code::internal);
  CHECK(status.flags == FVATTN_ERROR_OUTPUT_UNTOUCHED);
  CHECK(status.what == "test.fake/FAKE_ATTN (blocks.3.attn1): forward: launch failed (CUDA runtime error 700)");
  // Odd numbers: a status of its own, a length beyond the buffer, no text, a replaced pointer.
  fake.on_call = [](auto&, fvattn_error* err) {
    err->msg_len = 4000000000u;
    return fvattn_status{-77};
  };
  CHECK(impl->forward(call).code == Code::internal);
  CHECK_CONTAINS(impl->forward(call).text(), "failed with status -77 and said nothing");
  fake.on_call = [](auto&, fvattn_error* err) {
    err->msg = nullptr;
    err->msg_cap = 0;
    return fvattn_status{FVATTN_UNAVAILABLE};
  };
  CHECK(impl->forward(call).code == Code::unavailable);
  fake.on_call = [](auto&, auto*) -> fvattn_status { throw 5; };
  CHECK_CONTAINS(impl->forward(call).text(), "forward let an exception out (FVP-2)");
}

TEST_CASE("after a sticky error nothing of the plugin is called any more") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  const auto impl = make_impl(backend);
  int calls = 0;
  fake.on_call = [&](auto&, fvattn_error* err) {
    return ++calls, fail(err, FVATTN_INTERNAL, "an illegal address", FVATTN_ERROR_STICKY);
  };
  fake.on_query = [&](auto&, auto&, auto&, auto*) { return ++calls, FVATTN_OK; };
  fvattn_call call{};
  call.size = sizeof(call);
  CHECK((impl->forward(call).flags & FVATTN_ERROR_STICKY) != 0);
  CHECK(calls == 1);
  const Status again = impl->forward(call);
  CHECK(again.code == Code::failed_precondition);
  CHECK((again.flags & FVATTN_ERROR_STICKY) != 0);
  CHECK_CONTAINS(again.text(), "is not called any more");
  CHECK_CONTAINS(again.text(), "an illegal address");
  CHECK_FALSE(backend.query(cpu_device(), small_problem()).ok());
  CHECK_FALSE(backend.make_impl(cpu_device(), small_problem(), "", {}).ok());
  CHECK_FALSE(impl->plan(small_problem(), nullptr).ok());
  CHECK(calls == 1);
}
