#include "common/parameters.hpp"

#include <fstream>
#include <limits>
#include <sstream>

namespace fvattn::host {
namespace {

constexpr const char* kKinds = "bool, int, number, string, list of int or number, rectangular nested list of numbers";
constexpr const char* kKeyWithGaps = "STA_param";  // a null in it is a window that was not given

Status refused(const std::string& key, const std::string& what, const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return Status::error(Code::invalid_argument, "parameter '" + key + "': " + what, text, kKinds);
}

bool is_integer(const Json& json) {
  return json.is_number_integer() &&
         (!json.is_number_unsigned() || json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
}

bool holds_list_or_null(const Json& list) {
  for (const Json& item : list)
    if (item.is_array() || item.is_null()) return true;
  return false;
}

// The lengths of the first entries that are there; every other entry must agree.
void find_shape(const Json& list, size_t depth, std::vector<int64_t>& shape) {
  if (depth == shape.size()) shape.push_back(static_cast<int64_t>(list.size()));
  for (const Json& item : list)
    if (item.is_array()) find_shape(item, depth + 1, shape);
}

struct Flat {
  std::vector<double> numbers;
  bool integers = true;
};

Status flatten(const std::string& key, const Json& json, size_t depth, const std::vector<int64_t>& shape, Flat& flat) {
  if (json.is_null() && key == kKeyWithGaps) {
    int64_t count = 1;
    for (size_t i = depth; i < shape.size(); ++i) count *= shape[i];
    flat.numbers.insert(flat.numbers.end(), static_cast<size_t>(count), -1.0);
    return {};
  }
  if (depth == shape.size()) {
    if (!json.is_number()) return refused(key, "a nested list holds numbers only", json);
    const double number = json.get<double>();
    flat.integers = flat.integers && is_integer(json) && number >= std::numeric_limits<int32_t>::min() &&
                    number <= std::numeric_limits<int32_t>::max();
    flat.numbers.push_back(number);
    return {};
  }
  if (!json.is_array() || static_cast<int64_t>(json.size()) != shape[depth])
    return refused(key, "a nested list must be rectangular", json);
  for (const Json& item : json)
    if (Status status = flatten(key, item, depth + 1, shape, flat); !status.ok()) return status;
  return {};
}

Result<Value> tensor_from(const std::string& key, const Json& json) {
  std::vector<int64_t> shape;
  find_shape(json, 0, shape);
  Flat flat;
  if (Status status = flatten(key, json, 0, shape, flat); !status.ok()) return status;
  if (!flat.integers) return Value(TensorValue::host(shape, std::move(flat.numbers)));
  return Value(TensorValue::host(shape, std::vector<int32_t>(flat.numbers.begin(), flat.numbers.end())));
}

Result<Value> list_from(const std::string& key, const Json& json) {
  if (holds_list_or_null(json)) return tensor_from(key, json);
  bool integers = !json.empty();  // an empty list has no kind of its own; schemas take it as either
  for (const Json& item : json) {
    if (!item.is_number()) return refused(key, "a list holds numbers only", json);
    integers = integers && is_integer(item);
  }
  if (integers) return Value(json.get<std::vector<int64_t>>());
  return Value(json.get<std::vector<double>>());
}

Result<Json> item_value(const std::string& key, const std::string& text) {
  Result<Json> json = parse_json(text, "parameter '" + key + "'");
  if (json) return json;
  // Names of files and modes come without quotes; a list or object that does not parse is a mistake.
  if (!text.empty() && std::string("[{\"").find(text[0]) == std::string::npos) return Json(text);
  Status status = json.status();
  status.code = Code::invalid_argument;
  return status;
}

Result<Json> file_object(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return Status::error(Code::failed_precondition, "cannot read the parameter file", path);
  Result<Json> json = parse_json(text.str(), path);
  if (json && !json->is_object())
    return Status::error(Code::failed_precondition, path + " must hold one JSON object", json->type_name());
  return json;
}

}  // namespace

Result<Value> value_from_json(const std::string& key, const Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (is_integer(json)) return Value(json.get<int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get<std::string>());
  if (json.is_array()) return list_from(key, json);
  return refused(key, std::string("a JSON ") + json.type_name() + " is no value of a parameter", json);
}

void Parameters::add_to(CLI::App& app) {
  app.add_option("--param", items_, "One parameter as KEY=JSON, for example causal=true (repeatable, wins over --params)")
      ->type_name("KEY=JSON")
      ->allow_extra_args(false);
  app.add_option("--params", file_, "A file with one JSON object of parameters")->type_name("FILE.json");
}

Result<Json> Parameters::object() const {
  Json object = Json::object();
  if (!file_.empty()) {
    Result<Json> read = file_object(file_);
    if (!read) return read.status();
    object = std::move(*read);
  }
  for (const std::string& item : items_) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0)
      return Status::error(Code::invalid_argument, "--param takes KEY=JSON", item,
                           "for example causal=true or window_size=[3,3,3]");
    const std::string key = item.substr(0, equals);
    Result<Json> value = item_value(key, item.substr(equals + 1));
    if (!value) return value.status();
    object[key] = std::move(*value);
  }
  return object;
}

Result<KeyValues> Parameters::read() const {
  const Result<Json> given = object();
  if (!given) return given.status();
  KeyValues values;
  for (const auto& [key, json] : given->items()) {
    Result<Value> value = value_from_json(key, json);
    if (!value) return value.status();
    values.emplace(key, std::move(*value));
  }
  return values;
}

}  // namespace fvattn::host
