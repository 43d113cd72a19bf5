#include "core/support/contains.hpp"
#include "selector/manifest_filter.hpp"

#include <algorithm>

using namespace fvattn;

namespace {

std::string reasons(const BackendManifest& manifest, const Problem& problem, const Device& device = cpu_device()) {
  Offer offer;
  offer.manifest = manifest;
  std::string text;
  for (const std::string& reason : ruled_out_by_manifest(offer, device, problem)) text += reason + "\n";
  return text;
}

BackendManifest with_dtypes(std::vector<std::string> dtypes) {
  BackendManifest manifest;
  manifest.dtypes = std::move(dtypes);
  return manifest;
}

BackendManifest lacking(std::string word) {
  BackendManifest manifest;
  manifest.lacks = {std::move(word)};
  return manifest;
}

BackendManifest up_to_head_dim(int most) {
  BackendManifest manifest;
  manifest.head_dim_max = most;
  return manifest;
}

Problem with_flag(uint32_t flag) {
  Problem problem;
  problem.flags = flag;
  return problem;
}

}  // namespace

TEST_CASE("an empty manifest rules out nothing") {
  Problem problem;
  problem.flags = ~0u;
  problem.head_dim = 100000;
  CHECK(reasons({}, problem).empty());
}

TEST_CASE("dtypes in every usual spelling") {
  Problem problem;
  problem.dtype_code = FVATTN_DTYPE_BFLOAT;
  problem.dtype_bits = 16;
  CHECK(reasons(with_dtypes({"bf16"}), problem).empty());
  CHECK(reasons(with_dtypes({"float32", "bfloat16"}), problem).empty());
  CHECK_CONTAINS(reasons(with_dtypes({"fp16", "fp32"}), problem), "lists dtypes fp16, fp32; got bfloat16");
  problem.dtype_code = FVATTN_DTYPE_FLOAT;
  for (const char* word : {"fp16", "f16", "half", "float16"}) CHECK(reasons(with_dtypes({word}), problem).empty());
}

TEST_CASE("the larger head dim counts") {
  Problem problem;
  problem.head_dim = 64;
  problem.v_head_dim = 256;
  CHECK(reasons(up_to_head_dim(256), problem).empty());
  CHECK_CONTAINS(reasons(up_to_head_dim(128), problem), "at most 128; got 256");
}

TEST_CASE("what it lacks rules out exactly the problems that need it") {
  struct Case {
    const char* word;
    Problem needing;
  };
  std::vector<Case> cases = {{"backward", with_flag(FVATTN_PROBLEM_NEED_GRAD)},
                             {"causal", with_flag(FVATTN_PROBLEM_CAUSAL)},
                             {"varlen", with_flag(FVATTN_PROBLEM_VARLEN)},
                             {"capture", with_flag(FVATTN_PROBLEM_NEED_CAPTURE)},
                             {"lse", with_flag(FVATTN_PROBLEM_NEED_LSE)},
                             {"determinism", with_flag(FVATTN_PROBLEM_NEED_DETERMINISM)},
                             {"gqa", {}},
                             {"cross", {}},
                             {"dropout", {}},
                             {"text", {}},
                             {"mask", {}}};
  cases[6].needing.heads = 2;
  cases[7].needing.kv_len = 7;
  cases[8].needing.dropout_p = 0.5;
  cases[9].needing.text_len = 3;
  cases[10].needing.extra = {{"mask", FVATTN_DTYPE_BOOL, 8, {1, 1}}};
  for (const Case& one : cases) {
    CAPTURE(one.word);
    CHECK_CONTAINS(reasons(lacking(one.word), one.needing), std::string("lacks ") + one.word);
    CHECK(reasons(lacking(one.word), Problem()).empty());
  }
  CHECK(reasons(lacking("a word of tomorrow"), Problem()).empty());
}

TEST_CASE("every reason is given, not the first") {
  Problem problem = with_flag(FVATTN_PROBLEM_CAUSAL);
  problem.head_dim = 512;
  BackendManifest manifest = with_dtypes({"bf16"});
  manifest.lacks = {"causal", "text"};
  manifest.head_dim_max = 256;
  const std::string text = reasons(manifest, problem);
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
}

TEST_CASE("GPU targets") {
  CHECK(runs_on({"90a"}, {}, 9, 0));
  CHECK_FALSE(runs_on({"90a"}, {}, 10, 0));
  CHECK(runs_on({"80"}, {}, 8, 9));
  CHECK_FALSE(runs_on({"86"}, {}, 8, 0));
  CHECK_FALSE(runs_on({"80"}, {}, 9, 0));
  CHECK(runs_on({}, {"80"}, 12, 1));
  CHECK_FALSE(runs_on({}, {"90"}, 8, 9));
  CHECK_FALSE(runs_on({}, {"90a"}, 10, 0));
  CHECK(runs_on({"100f"}, {}, 10, 3));
  CHECK_FALSE(runs_on({"100f"}, {}, 12, 0));
  CHECK(runs_on({"75", "90a"}, {"80"}, 8, 6));
  CHECK(runs_on({"sm_90"}, {}, 8, 0));  // not of the form: no verdict
}

TEST_CASE("targets count on a GPU only") {
  Offer offer;
  offer.sass = {"90a"};
  Device gpu;
  gpu.c.type = FVATTN_CUDA;
  gpu.c.cc_major = 8;
  CHECK(ruled_out_by_manifest(offer, cpu_device(), {}).empty());
  REQUIRE(ruled_out_by_manifest(offer, gpu, {}).size() == 1);
  CHECK_CONTAINS(ruled_out_by_manifest(offer, gpu, {}).front(), "no code for sm_80; built for sm_90a");
  gpu.c.cc_major = 9;
  CHECK(ruled_out_by_manifest(offer, gpu, {}).empty());
}
