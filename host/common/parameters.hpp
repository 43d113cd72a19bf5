// --param KEY=JSON and --params FILE.json as key-values.
#pragma once

#include "common/json.hpp"

#include <fvattn/metadata.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fvattn::host {

/// One JSON value as the kind it has by itself: bool, int, number, string, list of int or number; a rectangular nested
/// list is a host tensor (int32, or float64 if any number is not an integer). In the value of STA_param a null stands
/// for a missing entry and becomes -1. INVALID_ARGUMENT naming the key and what came for everything else.
Result<Value> value_from_json(const std::string& key, const Json& json);

/// Takes `key` out of `values`. False if it is not there; INVALID_ARGUMENT if it has another kind. An integer serves as a
/// number.
template <class T>
Result<bool> take(KeyValues& values, const char* key, T& to) {
  const auto found = values.find(key);
  if (found == values.end()) return false;
  const Value& value = found->second;
  bool taken = std::holds_alternative<T>(value);
  if (taken) to = std::get<T>(value);
  if constexpr (std::is_same_v<T, double>)
    if (const int64_t* integer = std::get_if<int64_t>(&value)) to = static_cast<double>(*integer), taken = true;
  if (!taken)
    return Status::error(Code::invalid_argument, std::string("parameter '") + key + "' has the wrong kind",
                         std::string(kind_name(kind_of(value))) + " " + to_string(value), kind_name(kind_of(Value(T{}))));
  values.erase(found);
  return true;
}

/// The options --param and --params of a verb.
class Parameters {
 public:
  void add_to(CLI::App& app);
  /// The file's keys, then each --param over them. A bare word is a string.
  Result<Json> object() const;
  /// The same as key-values.
  Result<KeyValues> read() const;

 private:
  std::vector<std::string> items_;
  std::string file_;
};

}  // namespace fvattn::host
