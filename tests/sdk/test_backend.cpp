#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>
#include <fvattn/testing.hpp>

using namespace fvattn::plugin;
using namespace fvattn::testing;

namespace {

int states = 0, metas = 0, released = 0, impls = 0;
struct State {
  State() { ++states; }
  ~State() { --states; }
};
struct Meta {
  explicit Meta(int64_t n) : n(n) { ++metas; }
  ~Meta() { --metas; }
  void release(void*) { ++released; }
  int64_t n;
};

struct Full {
  static constexpr const char* name = "FULL_ATTN";
  static constexpr const char* doc = "every slot";
  static constexpr bool approximate = true;
  using PlanState = State;
  static Schema meta_keys() { return Schema().key("n", 2, "a number").key("kind", "a", "a string"); }
  static Schema option_keys() { return Schema().key("FASTVIDEO_ATTENTION_CONFIG", "", "filled by the host"); }
  static TensorSchema tensor_keys() {
    return TensorSchema()
        .key("mask", 2, FVATTN_DT_BOOL, FVATTN_SHARD_REPLICATED, "a mask")
        .key("gate", 4, FVATTN_DT_F32, FVATTN_SHARD_SEQ_HEADS, "a gate",
             FVATTN_TENSOR_REQUIRED | FVATTN_TENSOR_DIFFERENTIABLE);
  }
  static void query(const fvattn_device&, const fvattn_problem& p, Support& s) {
    if (p.head_dim == 13) throw std::bad_alloc();
    s.require(p.head_dim == 8, FVATTN_R_HEAD_DIM, "8 only").score(0.5);
  }
  static std::unique_ptr<Meta> meta_build(const fvattn_device&, const KeyValues& kv, void*) {
    return std::make_unique<Meta>(kv.get<int64_t>("n", 1));
  }
  explicit Full(const fvattn_impl_desc& desc) {
    ++impls;
    if (view(desc.prefix) == "bad") fail(FVATTN_INVALID_ARGUMENT, "a bad layer");
  }
  ~Full() { --impls; }
  void plan(const fvattn_problem& p, const Meta* meta, Plan& plan) {
    plan.state(std::make_unique<State>()).staged(p.q_len + 1, p.kv_len + 1).save("lse", kF32, {p.batch, p.heads, p.q_len});
    plan.output("loss", kF64, {meta ? meta->n : 0}).workspace_forward(64).flags(FVATTN_PLAN_GRAPH_SAFE);
    if (p.dropout_p > 0) throw 1;
  }
  void preprocess(const Call&) {}
  void forward(const Call&) { throw Error(FVATTN_UNAVAILABLE, "later", FVATTN_ERROR_OUTPUT_UNTOUCHED); }
  void postprocess(const Call&) {}
  void backward(const Call&) {}
  void describe(const Call&) {}
  static void self_test(const fvattn_device&, void*) { fail(FVATTN_INTERNAL, "an image is missing"); }
};

struct Small {
  static constexpr const char* name = "SMALL_ATTN";
  static void query(const fvattn_device&, const fvattn_problem&, Support&) {}
  explicit Small(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void* meta, fvattn_plan& plan) {
    plan.flags = FVATTN_PLAN_HAS_PRE | FVATTN_PLAN_DETERMINISTIC;
    plan.ws_forward = meta ? 1 : 2;
  }
  void forward(const Call&) {}
};

Case small_case() {
  Case c;
  c.head_dim = c.v_head_dim = 8;
  return c;
}
} // namespace

FVATTN_PLUGIN("org.example.two", "1.2.3", "Example", Full, Small)

TEST_CASE("the table says what the classes have") {
  ErrorBuffer err;
  const fvattn_plugin* plugin = fvattn_plugin_entry_v1(Host::get().c(), &err.error);
  REQUIRE(plugin);
  CHECK(plugin == fvattn_plugin_entry_v1(Host::get().c(), &err.error));
  CHECK(view(plugin->id) == "org.example.two");
  CHECK(view(plugin->version) == "1.2.3");
  CHECK(plugin->abi_major == 1);
  CHECK(plugin->cuda_runtime == 0);
  REQUIRE(plugin->n_backends == 2);
  const fvattn_backend &full = *plugin->backends[0], &small = *plugin->backends[1];
  CHECK(full.flags == FVATTN_BACKEND_APPROXIMATE);
  CHECK(view(full.doc) == "every slot");
  CHECK(full.n_meta_keys == 2);
  CHECK(full.n_option_keys == 1);
  CHECK(full.n_tensor_keys == 2);
  for (const bool there : {full.meta_build != nullptr, full.meta_free != nullptr, full.preprocess != nullptr,
                           full.postprocess != nullptr, full.backward != nullptr, full.plan_free != nullptr,
                           full.describe != nullptr, full.self_test != nullptr})
    CHECK(there);
  CHECK(small.flags == 0);
  for (const bool there : {small.meta_build != nullptr, small.meta_free != nullptr, small.preprocess != nullptr,
                           small.postprocess != nullptr, small.backward != nullptr, small.plan_free != nullptr,
                           small.describe != nullptr, small.self_test != nullptr})
    CHECK_FALSE(there);
}

TEST_CASE("a host of another version is refused with both versions") {
  fvattn_host old = *Host::get().c();
  ErrorBuffer err;
  old.abi_major = 2;
  CHECK(fvattn_plugin_entry_v1(&old, &err.error) == nullptr);
  CHECK(err.error.code == FVATTN_FAILED_PRECONDITION);
  CHECK(err.message().find("ABI 1.0, the host has 2.0") != std::string::npos);
  old = *Host::get().c();
  old.size = offsetof(fvattn_host, parallel_for);
  CHECK(fvattn_plugin_entry_v1(&old, &err.error) == nullptr);
  CHECK(fvattn_plugin_entry_v1(nullptr, &err.error) == nullptr);
}

TEST_CASE("what neither class nor schema knows is refused") {
  const fvattn_backend& full = *detail::Backend<Full>::get();
  const Tensor gate(kF32, {1, 1, 1, 8});
  CHECK(Session(full, small_case(), 0, {}, {}, {{"gate", gate}}).query().supported);
  const auto reasons = [&](uint32_t flags, const Tensors& extras, fvattn_kvs meta = {}) {
    return Session(full, small_case(), flags, meta, {}, extras).query().reasons;
  };
  CHECK(reasons(0, {}) == FVATTN_R_EXTRA_INPUT); // the required one is missing
  CHECK(reasons(0, {{"gate", gate}, {"bias", gate}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(0, {{"gate", Tensor(kF16, {1, 1, 1, 8})}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(0, {{"gate", gate}, {"mask", Tensor(kBool, {1})}}) == FVATTN_R_MASK);
  CHECK(reasons(0, {{"gate", gate}, {"mask", Tensor(kBool, {1, 1})}}) == 0);
  CHECK(reasons(1u << 20, {{"gate", gate}}) == FVATTN_R_VENDOR);
  fvattn_kv unknown{};
  unknown.key = str("nn");
  unknown.kind = FVATTN_I64;
  CHECK(reasons(0, {{"gate", gate}}, {&unknown, 1}) == FVATTN_R_META_UNKNOWN);
  const fvattn_backend& small = *detail::Backend<Small>::get();
  CHECK(Session(small, small_case(), FVATTN_PROBLEM_NEED_GRAD).query().reasons == FVATTN_R_BACKWARD);
  const Tensors lengths{{"cu_seqlens_q", Tensor(kI32, {2})}};
  CHECK(Session(small, small_case(), FVATTN_PROBLEM_VARLEN, {}, {}, lengths).query().supported);
  CHECK_FALSE(Session(small, small_case(), 0, {}, {}, lengths).query().supported);
}

TEST_CASE("exceptions of every slot are contained") {
  const fvattn_backend& full = *detail::Backend<Full>::get();
  const fvattn_device device = cpu_device();
  fvattn_problem problem{};
  problem.size = sizeof problem;
  problem.head_dim = 13;
  fvattn_support support{};
  support.size = sizeof support;
  CHECK(full.query(nullptr, &device, &problem, &support, nullptr) == FVATTN_RESOURCE_EXHAUSTED);
  fvattn_impl_desc desc{};
  desc.size = sizeof desc;
  desc.prefix = str("bad");
  void* impl = nullptr;
  ErrorBuffer err;
  CHECK(full.create(nullptr, &desc, &impl, &err.error) == FVATTN_INVALID_ARGUMENT);
  CHECK(err.message() == "a bad layer");
  CHECK(full.self_test(nullptr, &device, nullptr, &err.error) == FVATTN_INTERNAL);
  desc.prefix = {};
  REQUIRE(full.create(nullptr, &desc, &impl, &err.error) == FVATTN_OK);
  fvattn_call call{};
  call.size = sizeof call;
  call.problem = &problem;
  CHECK(full.forward(impl, &call, &err.error) == FVATTN_UNAVAILABLE);
  CHECK(err.error.flags == FVATTN_ERROR_OUTPUT_UNTOUCHED);
  fvattn_plan plan{};
  plan.size = sizeof plan;
  problem.dropout_p = 0.1;
  CHECK(full.plan(impl, &problem, nullptr, &plan, &err.error) == FVATTN_INTERNAL);
  CHECK(states == 0); // the state of a plan that failed is not lost
  full.destroy(impl);
  full.destroy(nullptr);
  full.plan_free(nullptr, nullptr);
  full.meta_free(nullptr, nullptr);
}

TEST_CASE("plans, states and metadata live and die once") {
  impls = released = 0;
  {
    Session session(*detail::Backend<Full>::get(), small_case());
    session.prepare(); // asks twice, since there is no room for specs at first
    CHECK(states == 1);
    CHECK(metas == 1);
    CHECK(impls == 1);
    CHECK(session.plan().n_saved == 1);
    CHECK(session.plan().n_outputs == 1);
    CHECK(session.plan().outputs[0].dim[0] == 2); // the default of n
    CHECK(view(session.plan().saved[0].name) == "lse");
    CHECK(session.plan().flags == (FVATTN_PLAN_GRAPH_SAFE | FVATTN_PLAN_HAS_PRE | FVATTN_PLAN_HAS_POST));
    CHECK(session.plan().ws_align == Workspace::kAlign);
  }
  CHECK(states == 0);
  CHECK(metas == 0);
  CHECK(impls == 0);
  CHECK(released == 1);
  Session small(*detail::Backend<Small>::get(), small_case());
  small.prepare();
  CHECK(small.plan().flags == FVATTN_PLAN_DETERMINISTIC); // it has no preprocess, so HAS_PRE cannot stay
  CHECK(small.plan().ws_forward == 2);
}

TEST_CASE("shorter structs of an older host read as zeros and are not overrun") {
  const fvattn_backend& small = *detail::Backend<Small>::get();
  std::vector<unsigned char> memory(sizeof(fvattn_problem), 0xAB);
  auto& problem = *reinterpret_cast<fvattn_problem*>(memory.data());
  std::memset(&problem, 0, offsetof(fvattn_problem, text_len));
  problem.size = offsetof(fvattn_problem, text_len);
  const detail::Whole<fvattn_problem> whole(&problem);
  CHECK((*whole).text_len == 0);
  CHECK((*whole).sp_rank == 0);
  const fvattn_device device = cpu_device();
  fvattn_support support{};
  support.size = offsetof(fvattn_support, notes);
  support.n_notes = 77;
  CHECK(small.query(nullptr, &device, &problem, &support, nullptr) == FVATTN_OK);
  CHECK(support.supported == 1);
  CHECK(support.n_notes == 77);
}
