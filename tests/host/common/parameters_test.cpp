#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "common/atomic_file.hpp"
#include "common/parameters.hpp"

#include <filesystem>
#include <unistd.h>

using namespace fvattn;
using namespace fvattn::host;

namespace {

Result<KeyValues> read(std::vector<std::string> words) {
  CLI::App app;
  Parameters parameters;
  parameters.add_to(app);
  std::reverse(words.begin(), words.end());
  app.parse(words);
  return parameters.read();
}

Result<Value> one(const std::string& text) {
  auto values = read({"--param", "k=" + text});
  if (!values) return values.status();
  return values->at("k");
}

}  // namespace

TEST_CASE("kinds") {
  CHECK(std::get<bool>(*one("true")) == true);
  CHECK(std::get<int64_t>(*one("-7")) == -7);
  CHECK(std::get<double>(*one("0.25")) == 0.25);
  CHECK(std::get<std::string>(*one("\"x y\"")) == "x y");
  CHECK(std::get<std::string>(*one("STA_searching")) == "STA_searching");
  CHECK(std::get<std::string>(*one("/tmp/3.json")) == "/tmp/3.json");
  CHECK(std::get<std::vector<int64_t>>(*one("[3,3,3]")) == std::vector<int64_t>{3, 3, 3});
  CHECK(std::get<std::vector<double>>(*one("[1,0.5]")) == std::vector<double>{1, 0.5});
  CHECK(std::get<std::vector<double>>(*one("[]")).empty());
}

TEST_CASE("nested lists are tensors") {
  const TensorValue windows = std::get<TensorValue>(*one("[[1,2,3],[4,5,6]]"));
  CHECK(windows.shape() == std::vector<int64_t>{2, 3});
  CHECK(windows.view().dtype_bits == 32);
  CHECK(static_cast<const int32_t*>(windows.view().data)[5] == 6);
  const TensorValue rates = std::get<TensorValue>(*one("[[0.5],[1]]"));
  CHECK(rates.view().dtype_bits == 64);
  CHECK(static_cast<const double*>(rates.view().data)[1] == 1.0);
  CHECK(std::get<TensorValue>(*one("[[4000000000]]")).view().dtype_bits == 64);
}

TEST_CASE("a missing STA_param entry is -1") {
  auto values = read({"--param", "STA_param=[[[[1,2,3],null]],[[null,[4,5,6]]]]"});
  REQUIRE(values.ok());
  const TensorValue tensor = std::get<TensorValue>(values->at("STA_param"));
  CHECK(tensor.shape() == std::vector<int64_t>{2, 1, 2, 3});
  const int32_t* at = static_cast<const int32_t*>(tensor.view().data);
  CHECK(std::vector<int32_t>(at, at + 12) == std::vector<int32_t>{1, 2, 3, -1, -1, -1, -1, -1, -1, 4, 5, 6});
  CHECK(!one("[[1,2],null]").ok());
}

TEST_CASE("what is refused names key and value") {
  for (const char* bad :
       {"null", "{\"a\":1}", "[1", "{", "\"x", "[[1,2],[3]]", "[[1],[[2]]]", "[1,[2]]", "[\"a\"]", "[true]", "[[\"a\"]]"}) {
    CAPTURE(bad);
    const auto value = one(bad);
    REQUIRE(!value.ok());
    CHECK(value.status().code == Code::invalid_argument);
    CHECK(value.status().text().find("'k'") != std::string::npos);
  }
  CHECK(read({"--param", "novalue"}).status().code == Code::invalid_argument);
  CHECK(read({"--param", "=1"}).status().code == Code::invalid_argument);
}

TEST_CASE("--param wins over the file") {
  const std::string path = std::filesystem::temp_directory_path() / ("fvattn-params-" + std::to_string(getpid()));
  REQUIRE(write_file(path, R"({"a": 1, "b": [1, 2]})").ok());
  const auto values = read({"--params", path, "--param", "a=2", "--param", "a=3"});
  REQUIRE(values.ok());
  CHECK(std::get<int64_t>(values->at("a")) == 3);
  CHECK(std::get<std::vector<int64_t>>(values->at("b")).size() == 2);
  REQUIRE(write_file(path, "[1]").ok());
  CHECK(read({"--params", path}).status().code == Code::failed_precondition);
  std::filesystem::remove(path);
  CHECK(read({"--params", path}).status().code == Code::failed_precondition);
}
