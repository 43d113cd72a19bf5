// query(): what is refused before the plugin is asked, and how its answer is read.
#include "adapter_fixture.hpp"

#include <cmath>
#include <cstring>
#include <limits>

using namespace fvattn;
using namespace fvattn::test;

namespace {

Support ask(const AttentionBackend& backend, const Problem& problem, const KeyValues& metadata = {}) {
  const auto support = backend.query(cpu_device(), problem, metadata);
  REQUIRE_MESSAGE(support.ok(), support.status().text());
  return *support;
}

std::string notes(const Support& support) {
  std::string text;
  for (const Note& note : support.notes) text += note.text + "\n";
  return text;
}

}  // namespace

TEST_CASE("extra inputs outside the schema are refused, and the plugin does not see them") {
  Fake fake;
  size_t seen = 0;
  fake.on_query = [&](auto&, const fvattn_problem& problem, auto&, auto*) { return seen += problem.n_extra, FVATTN_OK; };
  fake.tensor_keys = {tensor_key("gate_compress", 0, 4, FVATTN_DT_F32 | FVATTN_DT_BF16)};
  const AttentionBackend& backend = fake.registered();
  Problem problem = small_problem();
  CHECK(ask(backend, problem).supported);

  problem.extra = {{"mask", FVATTN_DTYPE_BOOL, 8, {1, 1, 16, 16}}};
  CHECK(ask(backend, problem).reasons == FVATTN_R_MASK);
  problem.extra = {{"gate_compres", FVATTN_DTYPE_FLOAT, 32, {1, 16, 1, 64}}};
  Support support = ask(backend, problem);
  CHECK_FALSE(support.supported);
  CHECK(support.reasons == FVATTN_R_EXTRA_INPUT);
  CHECK_CONTAINS(notes(support),
                 "input 'gate_compres' is not taken; inputs besides q, k, v: gate_compress; did you mean 'gate_compress'?");
  problem.extra = {{"gate_compress", FVATTN_DTYPE_FLOAT, 64, {1, 16, 64}}};
  support = ask(backend, problem);
  CHECK(support.reasons == (FVATTN_R_EXTRA_INPUT | FVATTN_R_DTYPE | FVATTN_R_SHAPE));
  CHECK_CONTAINS(notes(support), "cannot be float64");
  CHECK_CONTAINS(notes(support), "must have 4 dimensions, not 3");
  problem.extra = {{"gate_compress", FVATTN_DTYPE_FLOAT, 32, {1, 1, 1, 1, 1, 1, 1, 1, 1}}};
  CHECK(ask(backend, problem).reasons == FVATTN_R_SHAPE);
  CHECK(seen == 0);

  problem.extra = {{"gate_compress", FVATTN_DTYPE_BFLOAT, 16, {1, 16, 1, 64}}};
  CHECK(ask(backend, problem).supported);
  // The boundaries of sequences belong to a VARLEN problem.
  problem.extra = {{"cu_seqlens_q", FVATTN_DTYPE_INT, 32, {3}}};
  CHECK(ask(backend, problem).reasons == FVATTN_R_EXTRA_INPUT);
  problem.flags |= FVATTN_PROBLEM_VARLEN;
  CHECK(ask(backend, problem).supported);
}

TEST_CASE("a refusal has all reasons, the plugin's next to those of its schema") {
  Fake fake;
  uint32_t flags = 0;
  fake.on_query = [&](auto&, const fvattn_problem& problem, fvattn_support& out, auto*) {
    flags = problem.flags;
    out.supported = 0;
    out.reasons = FVATTN_R_DTYPE;
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  Problem problem = small_problem();
  problem.extra = {{"mask", FVATTN_DTYPE_BOOL, 8, {1, 1, 16, 16}}};
  problem.flags = FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_CAUSAL;
  CHECK(ask(backend, problem).reasons == (FVATTN_R_MASK | FVATTN_R_BACKWARD | FVATTN_R_DTYPE));
  CHECK(flags == FVATTN_PROBLEM_CAUSAL);
  fake.on_query = [](auto&, auto&, auto&, auto*) { return FVATTN_INTERNAL; };
  CHECK(ask(backend, problem).reasons == (FVATTN_R_MASK | FVATTN_R_BACKWARD));
}

TEST_CASE("gradients without a backward") {
  Fake fake;
  Problem problem = small_problem();
  problem.flags = FVATTN_PROBLEM_NEED_GRAD;
  {
    const AttentionBackend& backend = fake.registered();
    CHECK_FALSE(backend.has_backward());
    CHECK(ask(backend, problem).reasons == FVATTN_R_BACKWARD);
  }
  fake.table.backward = fake.table.forward;
  CHECK(ask(fake.registered(), problem).supported);
}

TEST_CASE("metadata outside the schema") {
  Fake fake;
  fake.meta_keys = {key("window", FVATTN_I64, FVATTN_KEY_REQUIRED), key("note", FVATTN_STR)};
  int64_t window = 0;
  fake.on_query = [&](auto&, const fvattn_problem& problem, auto&, auto*) {
    if (problem.meta.n == 1) window = problem.meta.p[0].v.i64;
    return FVATTN_OK;
  };
  const AttentionBackend& backend = fake.registered();
  CHECK(ask(backend, small_problem()).supported);  // nothing is known of the metadata yet
  CHECK(ask(backend, small_problem(), {{"window", int64_t{7}}}).supported);
  CHECK(window == 7);
  Support support = ask(backend, small_problem(), {{"window", int64_t{7}}, {"windw", int64_t{7}}});
  CHECK(support.reasons == FVATTN_R_META_UNKNOWN);
  CHECK_CONTAINS(notes(support), "did you mean 'window'?");
  CHECK(ask(backend, small_problem(), {{"note", std::string("x")}}).reasons == FVATTN_R_META_MISSING);
  CHECK(ask(backend, small_problem(), {{"window", std::string("x")}}).reasons == FVATTN_R_META_UNKNOWN);
}

TEST_CASE("the plugin's numbers are not believed") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  fake.on_query = [](auto&, auto&, fvattn_support& out, auto*) {
    out.score = 17;
    out.est_us = -3;
    return FVATTN_OK;
  };
  CHECK(ask(backend, small_problem()).score == 1);
  CHECK(ask(backend, small_problem()).est_us == 0);
  fake.on_query = [](auto&, auto&, fvattn_support& out, auto*) {
    out.score = std::numeric_limits<double>::quiet_NaN();
    out.n_notes = 4000000000u;
    std::memset(out.notes[0].text, 'x', sizeof(out.notes[0].text));  // not terminated
    return FVATTN_OK;
  };
  Support support = ask(backend, small_problem());
  CHECK(support.score == 0);
  CHECK(support.notes.size() <= 16);
  CHECK(support.notes.at(0).text == std::string(248, 'x'));
  // A reason contradicts "supported".
  fake.on_query = [](auto&, auto&, fvattn_support& out, auto*) {
    out.reasons = FVATTN_R_HEAD_DIM;
    return FVATTN_OK;
  };
  CHECK_FALSE(ask(backend, small_problem()).supported);
  fake.on_query = [](auto&, auto&, fvattn_support& out, auto*) {
    out.supported = 0;
    return FVATTN_OK;
  };
  support = ask(backend, small_problem());
  CHECK(support.reasons == FVATTN_R_VENDOR);
  CHECK_CONTAINS(notes(support), "gives no reason");
}

TEST_CASE("a query that fails") {
  Fake fake;
  const AttentionBackend& backend = fake.registered();
  fake.on_query = [](auto&, auto&, auto&, fvattn_error* err) { return fail(err, FVATTN_UNAVAILABLE, "no idea"); };
  CHECK_CONTAINS(backend.query(cpu_device(), small_problem()).status().text(), "test.fake/FAKE_ATTN: query: no idea");
  fake.on_query = [](auto&, auto&, auto&, auto*) -> fvattn_status { throw std::runtime_error("thrown"); };
  const auto thrown = backend.query(cpu_device(), small_problem());
  CHECK(thrown.status().code == Code::internal);
  CHECK_CONTAINS(thrown.status().text(), "query let an exception out (FVP-2): thrown");
}

TEST_CASE("names of reasons") {
  CHECK(reason_names(0).empty());
  CHECK(reason_names(FVATTN_R_HEAD_DIM) == "HEAD_DIM");
  CHECK(reason_names(FVATTN_R_ARCH | FVATTN_R_LICENSE | FVATTN_R_VENDOR) == "ARCH|LICENSE|VENDOR");
  CHECK(reason_names((1ull << 40) | FVATTN_R_SMEM) == "SMEM|BIT_40");
}
