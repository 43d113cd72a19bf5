#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "bench/result.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

using namespace fvattn;
using namespace fvattn::bench;

namespace {

Line example() {
  Line line;
  line.workload = "wan1.3b-480p";
  line.shape = "B1 S32760 H12 D128";
  line.dtype = "bf16";
  line.backend = "FLASH_ATTN";
  line.sample = {8.0, 7.9, 8.2, 0, 7, 7, true};
  line.flop = 6.0e12;
  line.bytes = 4e8;
  line.pairs = line.exact_pairs = 10;
  line.ceiling = {800, 3000, 1000};
  line.error = 0.0031;
  return line;
}

}  // namespace

TEST_CASE("a line says name, shape, dtype, time, speed, traffic, error") {
  Line line = example();
  CHECK(line_text(line, "TORCH_SDPA") ==
        "FLASH_ATTN  wan1.3b-480p  B1 S32760 H12 D128  bf16 | 8.000 ms [7.900, 8.200] | 750.0 TFLOP/s (93.8 %) | 50.0 GB/s "
        "(1.67 %) | "
        "0.00310");
  line.of_peer = 1.25;
  line.pairs = 1;
  line.sample.steady = false;
  CHECK(line_text(line, "TORCH_SDPA").find("| density 10.0 % | 1.25x TORCH_SDPA | not steady") != std::string::npos);
}

TEST_CASE("a figure above clock x SMs x 4096 is no result") {
  Line line = example();
  CHECK(check_plausible(line).ok());
  line.sample.ms = 5.9;  // 1017 TFLOP/s
  const Status status = check_plausible(line);
  CHECK(!status.ok());
  CHECK(status.text().find("1017") != std::string::npos);
  line.ceiling.clock_tflops = 0;  // not known: nothing to say
  CHECK(check_plausible(line).ok());
}

TEST_CASE("a base file gives times by key") {
  const Line line = example();
  const std::string path = "result_test_base.json";
  std::ofstream(path) << host::Json{{"lines", {line_json(line)}}}.dump();
  const auto base = read_base(path);
  std::remove(path.c_str());
  REQUIRE(base.ok());
  CHECK(base->at(line.key()) == 8.0);
  Line other = line;
  other.backward = true;
  CHECK(base->count(other.key()) == 0);
  std::ofstream(path) << "{}";
  CHECK(!read_base(path).ok());
  std::remove(path.c_str());
  CHECK(!read_base("no/such/file.json").ok());
}

TEST_CASE("csv has as many fields as its heading") {
  const auto fields = [](const std::string& text) { return std::count(text.begin(), text.end(), ',') + 1; };
  CHECK(fields(csv_text(example())) == fields(csv_heading()));
}
