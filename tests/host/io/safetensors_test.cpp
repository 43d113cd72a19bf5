#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "common/atomic_file.hpp"
#include "io/safetensors/reader.hpp"
#include "io/safetensors/writer.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <unistd.h>

using namespace fvattn;
using namespace fvattn::host;
namespace st = fvattn::host::safetensors;

namespace {

struct TemporaryFile {
  std::string path = std::filesystem::temp_directory_path() / ("fvattn-safetensors-" + std::to_string(getpid()));
  ~TemporaryFile() { std::filesystem::remove(path); }
};

std::string file_of(const std::string& json, size_t data_bytes) {
  std::string prefix(8, '\0');
  for (size_t i = 0; i < 8; ++i) prefix[i] = static_cast<char>(json.size() >> (8 * i) & 0xFF);
  return prefix + json + std::string(data_bytes, 'd');
}

Status opened(const std::string& bytes) {
  TemporaryFile file;
  REQUIRE(write_file(file.path, bytes).ok());
  return st::Reader::open(file.path).status();
}

}  // namespace

TEST_CASE("what is written is read again") {
  std::mt19937 random(std::random_device{}());
  std::vector<std::string> memory;
  std::vector<st::Source> sources;
  const char* names[] = {"F64", "F32", "BF16", "F16", "BOOL", "U8",      "I8",     "I16",
                         "U16", "I32", "U32",  "I64", "U64",  "F8_E4M3", "F8_E5M2"};
  memory.reserve(std::size(names));
  for (const char* name : names) {
    std::vector<int64_t> shape;
    int64_t count = 1;
    for (size_t rank = random() % 4; rank > 0; --rank) shape.push_back(random() % 5), count *= shape.back();
    const st::Dtype* dtype = st::find_dtype(name);
    REQUIRE(dtype != nullptr);
    std::string& bytes = memory.emplace_back(static_cast<size_t>(count) * dtype->bits / 8, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    sources.push_back({std::string("tensor \"") + name, dtype, shape, bytes.data()});
  }
  TemporaryFile file;
  REQUIRE(st::write(file.path, sources, {{"program", "fvattn"}}).ok());
  const auto reader = st::Reader::open(file.path);
  REQUIRE(reader.ok());
  CHECK(reader->metadata().at("program") == "fvattn");
  CHECK(reader->entries().size() == std::size(names));
  for (size_t i = 0; i < sources.size(); ++i) {
    const st::Entry* entry = reader->find(sources[i].name);
    REQUIRE(entry != nullptr);
    CHECK(entry->dtype == sources[i].dtype);
    CHECK(entry->shape == sources[i].shape);
    CHECK(entry->offset % (entry->dtype->bits / 8) == 0);
    std::string bytes(entry->bytes, '\0');
    CHECK(reader->read(*entry, bytes.data()).ok());
    CHECK(bytes == memory[i]);
  }
  CHECK(reader->find("nobody") == nullptr);
  CHECK(st::write(file.path, {sources[0], sources[0]}, {}).code == Code::invalid_argument);
}

TEST_CASE("headers that lie are refused") {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  CHECK(opened(file_of(entry("\"F32\"", "[2]", "[0,8]"), 8)).ok());
  CHECK(opened(file_of(entry("\"F32\"", "[0,3]", "[0,0]"), 0)).ok());
  CHECK(opened(file_of(entry("\"F32\"", "[]", "[0,4]") + "   ", 4)).ok());
  CHECK(opened(file_of("{}", 0)).ok());
  const std::string bad[] = {"",
                             "short",
                             std::string(16, '\xff'),
                             file_of("", 0),
                             file_of("[1]", 0),
                             file_of("{", 0),
                             "PK\x03\x04 something else entirely",
                             file_of(entry("\"F33\"", "[2]", "[0,8]"), 8),
                             file_of(entry("7", "[2]", "[0,8]"), 8),
                             file_of(entry("\"F32\"", "[-2]", "[0,8]"), 8),
                             file_of(entry("\"F32\"", "[2.0]", "[0,8]"), 8),
                             file_of(entry("\"F32\"", "2", "[0,8]"), 8),
                             file_of(entry("\"F32\"", "[3]", "[0,8]"), 8),
                             file_of(entry("\"F32\"", "[2]", "[8,0]"), 8),
                             file_of(entry("\"F32\"", "[2]", "[0,8]"), 4),
                             file_of(entry("\"F32\"", "[2]", "[0,8]"), 9),
                             file_of(entry("\"F32\"", "[2]", "[1,9]"), 9),
                             file_of(entry("\"F32\"", "[2]", "[0,8,8]"), 8),
                             file_of(entry("\"F32\"", "[4611686018427387904,4]", "[0,0]"), 0),
                             file_of("{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4),
                             file_of("{\"t\":3}", 0),
                             file_of("{\"__metadata__\":{\"a\":1}}", 0),
                             file_of("{\"__metadata__\":[]}", 0),
                             file_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":"
                                     "\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                                     3),
                             file_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":"
                                     "\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                                     2)};
  for (const std::string& bytes : bad) {
    CAPTURE(bytes);
    const Status status = opened(bytes);
    CHECK(status.code == Code::failed_precondition);
    CHECK(status.text().find("fvattn-safetensors-") != std::string::npos);
  }
}

TEST_CASE("random damage never crashes the reader") {
  const std::string good =
      file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\"__metadata__\":{\"k\":\"v\"}}", 16);
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (size_t edits = 1 + random() % 4; edits > 0; --edits) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    std::string_view view(bytes);
    if (view.size() < 8) continue;
    const auto header = st::parse_header(view.substr(8, view.size() / 2), view.size(), "damaged");
    if (header) CHECK(header->entries.size() <= 2);
  }
}

TEST_CASE("files that are none") {
  CHECK(st::Reader::open("/nonexistent/in.safetensors").status().code == Code::failed_precondition);
  CHECK(st::Reader::open("/tmp").status().text().find("folder") != std::string::npos);
  CHECK(!st::Reader::open("/dev/null").ok());
}

TEST_CASE("a file cut short after it was opened is an error") {
  TemporaryFile file;
  REQUIRE(
      write_file(file.path, file_of("{\"t\":{\"dtype\":\"U8\",\"shape\":[4096],\"data_offsets\":[0,4096]}}", 4096)).ok());
  const auto reader = st::Reader::open(file.path);
  REQUIRE(reader.ok());
  std::filesystem::resize_file(file.path, 200);
  std::string bytes(4096, '\0');
  CHECK(reader->read(*reader->find("t"), bytes.data()).code == Code::failed_precondition);
}
