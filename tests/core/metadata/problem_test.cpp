#include "core/support/contains.hpp"

#include <fvattn/problem.hpp>

using namespace fvattn;

TEST_CASE("a problem in words") {
  Problem problem;
  problem.q_len = 4096;
  problem.kv_len = 77;
  problem.heads = 12;
  problem.kv_heads = 4;
  problem.head_dim = problem.v_head_dim = 128;
  problem.dtype_code = FVATTN_DTYPE_BFLOAT;
  problem.dtype_bits = 16;
  CHECK(problem.text() == "B1 Sq4096 Skv77 H12 Hkv4 D128 bfloat16");
  problem.flags = FVATTN_PROBLEM_CAUSAL | FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_DETERMINISM;
  problem.v_head_dim = 64;
  problem.text_len = 5;
  problem.sp_world = 4;
  problem.sp_rank = 1;
  problem.extra.push_back({"mask", FVATTN_DTYPE_BOOL, 8, {1, 4096}});
  CHECK(problem.text() ==
        "B1 Sq4096 Skv77 H12 Hkv4 D128 Dv64 bfloat16 causal grad deterministic text5 rank1of4 mask[1,4096]");
}

TEST_CASE("the packed problem has every field, and heads_global defaults to heads") {
  Problem problem;
  problem.flags = FVATTN_PROBLEM_CAUSAL;
  problem.batch = 2;
  problem.q_len = 3;
  problem.kv_len = 4;
  problem.heads = 6;
  problem.kv_heads = 2;
  problem.head_dim = 40;
  problem.v_head_dim = 48;
  problem.layer_index = 9;
  problem.scale = 0.5;
  problem.dropout_p = 0.1;
  problem.text_len = 1;
  problem.n_seqs = 7;
  problem.max_q_len = 8;
  problem.max_kv_len = 10;
  problem.extra = {{"mask", FVATTN_DTYPE_BOOL, 8, {2, 4}}, {"scalar", FVATTN_DTYPE_FLOAT, 32, {}}};
  const KeyValues meta = {{"a", int64_t{1}}};
  const PackedKeyValues kvs(meta);
  const PackedProblem packed(problem, kvs.c());
  const fvattn_problem& c = packed.c();
  CHECK(c.size == sizeof(fvattn_problem));
  CHECK(c.flags == FVATTN_PROBLEM_CAUSAL);
  CHECK(c.batch == 2);
  CHECK(c.q_len == 3);
  CHECK(c.kv_len == 4);
  CHECK(c.heads == 6);
  CHECK(c.kv_heads == 2);
  CHECK(c.head_dim == 40);
  CHECK(c.v_head_dim == 48);
  CHECK(c.dtype_code == FVATTN_DTYPE_FLOAT);
  CHECK(c.dtype_bits == 32);
  CHECK(c.layer_index == 9);
  CHECK(c.scale == 0.5);
  CHECK(c.dropout_p == 0.1);
  CHECK(c.text_len == 1);
  CHECK(c.n_seqs == 7);
  CHECK(c.max_q_len == 8);
  CHECK(c.max_kv_len == 10);
  CHECK(c.heads_global == 6);
  CHECK(c.kv_heads_global == 2);
  CHECK(c.meta.n == 1);
  REQUIRE(c.n_extra == 2);
  CHECK(std::string(c.extra[0].name.p, c.extra[0].name.n) == "mask");
  CHECK(c.extra[0].ndim == 2);
  CHECK(c.extra[0].dim[1] == 4);
  CHECK(c.extra[1].ndim == 0);
}

TEST_CASE("a rank's heads are placed among all") {
  Problem problem;
  problem.heads = 3;
  problem.heads_global = 12;
  problem.kv_heads_global = 4;
  problem.head_offset = 6;
  problem.kv_head_offset = 2;
  problem.sp_world = 4;
  problem.sp_rank = 2;
  const PackedProblem packed(problem);
  CHECK(packed.c().heads_global == 12);
  CHECK(packed.c().kv_heads_global == 4);
  CHECK(packed.c().head_offset == 6);
  CHECK(packed.c().kv_head_offset == 2);
  CHECK(packed.c().sp_rank == 2);
}

TEST_CASE("nine dimensions do not fit the ABI") {
  Problem problem;
  problem.extra = {{"big", FVATTN_DTYPE_FLOAT, 32, std::vector<int64_t>(9, 1)}};
  CHECK_THROWS_AS(PackedProblem{problem}, Error);
  problem.extra[0].shape.resize(8);
  CHECK(PackedProblem(problem).c().extra[0].ndim == 8);
}

TEST_CASE("dtypes have names") {
  CHECK(dtype_name(FVATTN_DTYPE_BFLOAT, 16) == "bfloat16");
  CHECK(dtype_name(FVATTN_DTYPE_UINT, 8) == "uint8");
  CHECK(dtype_name(FVATTN_DTYPE_BOOL, 8) == "bool");
  CHECK(dtype_name(77, 3) == "dtype(77, 3 bits)");
}
