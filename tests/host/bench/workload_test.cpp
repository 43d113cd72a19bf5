#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "bench/workload.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace fvattn;
using namespace fvattn::bench;

namespace {

int64_t counted(const Workload& w) {
  int64_t pairs = 0;
  for (int64_t i = 0; i < w.q_len; ++i)
    for (int64_t j = 0; j < w.keys(); ++j) pairs += !w.causal || j <= i + w.keys() - w.q_len;
  return w.batch * w.heads * pairs;
}

}  // namespace

TEST_CASE("pairs are those of the definition") {
  for (const int64_t q : {1, 7, 30})
    for (const int64_t kv : {0, 1, 7, 13, 64})
      for (const bool causal : {false, true}) {
        Workload w;
        w.batch = 2;
        w.q_len = q;
        w.kv_len = kv;
        w.heads = 3;
        w.causal = causal;
        CAPTURE(w.shape_text());
        CHECK(w.exact_pairs() == counted(w));
      }
}

TEST_CASE("axes multiply, in order") {
  const auto made = with_axes({Workload{}}, {"seq=64,128", "causal=true", "window_size=[1,3,3],[3,3,3]", "dim=32"});
  REQUIRE(made.ok());
  REQUIRE(made->size() == 4);
  CHECK((*made)[1].q_len == 64);
  CHECK((*made)[2].q_len == 128);
  CHECK((*made)[0].causal);
  CHECK((*made)[3].dim == 32);
  CHECK(std::get<std::vector<int64_t>>((*made)[1].parameters.at("window_size")) == std::vector<int64_t>{3, 3, 3});
  std::set<std::string> keys;
  for (const Workload& w : *made) keys.insert(w.name + w.shape_text());
  CHECK(keys.size() == 4);
}

TEST_CASE("a grid sets the length, with the text") {
  const auto made = with_axes({Workload{}}, {"grid=2x3x5", "text=4"});
  REQUIRE(made.ok());
  CHECK((*made)[0].q_len == 34);
  CHECK((*made)[0].grid == std::vector<int64_t>{2, 3, 5});
  const auto turned = with_axes({Workload{}}, {"text=4", "grid=2x3x5"});
  REQUIRE(turned.ok());
  CHECK((*turned)[0].q_len == 34);
}

TEST_CASE("nonsense is refused by name") {
  for (const char* axis :
       {"seq", "=3", "seq=", "seq=0", "seq=x", "seq=12x", "grid=2x3", "grid=2x0x3", "causal=1", "heads=-1"}) {
    CAPTURE(axis);
    const auto made = with_axes({Workload{}}, {axis});
    CHECK(!made.ok());
    CHECK(made.status().code == Code::invalid_argument);
  }
  CHECK(!with_axes({Workload{}}, {"heads=6", "kv_heads=4"}).ok());
  CHECK(preset("wan1.3b-480").status().text().find("wan1.3b-480p") != std::string::npos);
}

TEST_CASE("presets are what the papers call them") {
  CHECK(preset("wan1.3b-480p")->q_len == 32760);
  CHECK(preset("wan14b-720p")->q_len == 75600);
  CHECK(preset("hunyuan-sta")->q_len == 115456);
}
