#include "core/support/contains.hpp"

#include <fvattn/metadata.hpp>

#include <cstring>

using namespace fvattn;

namespace {

constexpr uint32_t bit(int kind) { return 1u << kind; }
fvattn_str str(const char* text) { return {text, std::strlen(text)}; }

fvattn_meta_key key(const char* name, int32_t kind, uint32_t kinds, uint32_t flags = 0, const char* doc = "") {
  fvattn_meta_key k{};
  k.dflt.key = str(name);
  k.dflt.kind = kind;
  k.dflt.flags = flags;
  k.kinds = kinds;
  k.doc = str(doc);
  return k;
}

// The keys of a sparse backend, about.
Schema sample() {
  static const int64_t kShape[] = {1, 2, 3};
  std::vector<fvattn_meta_key> keys;
  keys.push_back(key("dit_seq_shape", FVATTN_I64S, 0, FVATTN_KEY_REQUIRED, "latent grid (T, H, W)"));
  keys.push_back(key("sparsity", FVATTN_F64, 0, FVATTN_KEY_SEMANTIC));
  keys.back().dflt.v.f64 = 0.25;
  keys.push_back(key("mode", FVATTN_STR, 0));
  keys.back().dflt.v.str = "threshold";
  keys.back().dflt.count = 9;
  keys.push_back(key("full", FVATTN_BOOL, 0));
  keys.push_back(key("windows", FVATTN_I64S, bit(FVATTN_TENSOR)));
  keys.back().dflt.v.i64s = kShape;
  keys.back().dflt.count = 3;
  keys.push_back(key("weights", 0, bit(FVATTN_F64S)));  // no default
  keys.push_back(key("chunk", FVATTN_I64, bit(FVATTN_I64S)));
  keys.back().dflt.v.i64 = 4;
  return Schema::from(keys.data(), keys.size());
}

KeyValues completed(const KeyValues& given) {
  auto result = sample().complete(given, "SPARSE_ATTN");
  REQUIRE_MESSAGE(result.ok(), result.status().text());
  return *result;
}

std::string refusal(const KeyValues& given) {
  const auto result = sample().complete(given, "SPARSE_ATTN");
  REQUIRE_FALSE(result.ok());
  CHECK(result.status().code == Code::invalid_argument);
  return result.status().text();
}

const Value kGrid = std::vector<int64_t>{4, 5, 6};

}  // namespace

TEST_CASE("defaults are filled in, and a key without one stays absent") {
  const KeyValues values = completed({{"dit_seq_shape", kGrid}});
  CHECK(std::get<double>(values.at("sparsity")) == 0.25);
  CHECK(std::get<std::string>(values.at("mode")) == "threshold");
  CHECK(std::get<bool>(values.at("full")) == false);
  CHECK(std::get<std::vector<int64_t>>(values.at("windows")) == std::vector<int64_t>{1, 2, 3});
  CHECK(std::get<int64_t>(values.at("chunk")) == 4);
  CHECK(values.find("weights") == values.end());
  CHECK(values.size() == 6);
}

TEST_CASE("what is given wins over defaults") {
  const KeyValues values = completed({{"dit_seq_shape", kGrid}, {"sparsity", 0.9}, {"full", true}});
  CHECK(std::get<double>(values.at("sparsity")) == 0.9);
  CHECK(std::get<bool>(values.at("full")));
}

TEST_CASE("an integer serves where a number is asked, a list of them likewise, and nothing else converts") {
  CHECK(std::get<double>(completed({{"dit_seq_shape", kGrid}, {"sparsity", int64_t{1}}}).at("sparsity")) == 1.0);
  const auto weights = completed({{"dit_seq_shape", kGrid}, {"weights", std::vector<int64_t>{1, 2}}}).at("weights");
  CHECK(std::get<std::vector<double>>(weights) == std::vector<double>{1, 2});
  // An empty list has no kind of its own.
  CHECK(std::get<std::vector<int64_t>>(completed({{"dit_seq_shape", std::vector<double>{}}}).at("dit_seq_shape")).empty());
  CHECK_CONTAINS(refusal({{"dit_seq_shape", std::vector<double>{1.5}}}), "list of int");
  CHECK_CONTAINS(refusal({{"dit_seq_shape", kGrid}, {"full", int64_t{1}}}),
                 "'full' has the wrong kind; got int 1; accepted: bool");
  CHECK_CONTAINS(refusal({{"dit_seq_shape", kGrid}, {"mode", 1.0}}), "accepted: string");
  // 2^53 + 1 has no double.
  CHECK_CONTAINS(refusal({{"dit_seq_shape", kGrid}, {"sparsity", (int64_t{1} << 53) + 1}}), "'sparsity'");
}

TEST_CASE("a key of several kinds takes each of them") {
  CHECK(std::get<std::vector<int64_t>>(completed({{"dit_seq_shape", kGrid}, {"chunk", kGrid}}).at("chunk")).size() == 3);
  CHECK(completed({{"dit_seq_shape", kGrid}, {"windows", TensorValue::host({1}, std::vector<int32_t>{1})}}).size() == 6);
  CHECK_CONTAINS(refusal({{"dit_seq_shape", kGrid}, {"chunk", 1.5}}), "int or list of int");
}

TEST_CASE("an unknown key names the nearest and the backend; a missing one says what it is") {
  const std::string unknown = refusal({{"dit_seq_shape", kGrid}, {"sparsty", 0.5}});
  CHECK_CONTAINS(unknown, "SPARSE_ATTN: key 'sparsty' is unknown; got 0.5");
  CHECK_CONTAINS(unknown, "did you mean 'sparsity'?");
  CHECK_CONTAINS(unknown, "dit_seq_shape");
  const std::string missing = refusal({});
  CHECK_CONTAINS(missing, "key 'dit_seq_shape' is required");
  CHECK_CONTAINS(missing, "latent grid (T, H, W)");
}

TEST_CASE("an empty schema takes nothing") {
  CHECK(Schema().complete({}, "X")->empty());
  const auto refused = Schema().complete({{"a", true}}, "X");
  REQUIRE_FALSE(refused.ok());
  CHECK_CONTAINS(refused.status().text(), "no keys");
}

TEST_CASE("the table is copied, defaults too") {
  Schema schema;
  {
    std::string name = "name", text = "value";
    fvattn_meta_key k = key(name.c_str(), FVATTN_STR, 0);
    k.dflt.v.str = text.c_str();
    k.dflt.count = text.size();
    schema = Schema::from(&k, 1);
    name = "XXXX";
    text = "YYYYY";
  }
  REQUIRE(schema.find("name") != nullptr);
  CHECK(std::get<std::string>(*schema.find("name")->otherwise) == "value");
  CHECK(schema.find("nam") == nullptr);
}

TEST_CASE("null defaults are none; an empty list as default is one") {
  static const int64_t kNothing[1] = {};
  fvattn_meta_key keys[] = {key("s", FVATTN_STR, 0), key("l", FVATTN_I64S, 0), key("e", FVATTN_I64S, 0),
                            key("t", FVATTN_TENSOR, 0)};
  keys[2].dflt.v.i64s = kNothing;
  const KeyValues values = *Schema::from(keys, 4).complete({}, "X");
  CHECK(values.size() == 1);
  CHECK(std::get<std::vector<int64_t>>(values.at("e")).empty());
}

TEST_CASE("a required key has no default even if the table has one") {
  fvattn_meta_key k = key("n", FVATTN_I64, 0, FVATTN_KEY_REQUIRED);
  CHECK_FALSE(Schema::from(&k, 1).complete({}, "X").ok());
}

TEST_CASE("a default tensor is a view of the plugin's memory") {
  static int32_t numbers[] = {1, 2, 3};
  static int64_t shape[] = {2}, strides[] = {1};
  static const fvattn_tensor tensor = {numbers, FVATTN_CPU, 0, 1, FVATTN_DTYPE_INT, 32, 1, shape, strides, sizeof(int32_t)};
  fvattn_meta_key k = key("t", FVATTN_TENSOR, 0);
  k.dflt.v.tensor = &tensor;
  const KeyValues values = *Schema::from(&k, 1).complete({}, "X");
  const fvattn_tensor& view = std::get<TensorValue>(values.at("t")).view();
  CHECK(static_cast<const int32_t*>(view.data)[0] == 2);  // the byte offset is folded into the pointer
  CHECK(view.byte_offset == 0);
}
