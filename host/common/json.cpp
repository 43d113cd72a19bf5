#include "common/json.hpp"

#include <fvattn/problem.hpp>

#include <cmath>
#include <iostream>
#include <set>

namespace fvattn::host {
namespace {

constexpr int kDeepest = 64;

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view origin) {
  std::vector<std::set<std::string>> open;
  std::string trouble;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest && trouble.empty()) trouble = "nested deeper than " + std::to_string(kDeepest);
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second && trouble.empty())
      trouble = "key \"" + parsed.get<std::string>() + "\" appears twice";
    return trouble.empty();
  };
  try {
    Json document = Json::parse(text.begin(), text.end(), watch);
    if (trouble.empty()) return document;
  } catch (const Json::exception& error) {
    const std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (trouble.empty()) trouble = what.substr(what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2);
  }
  return Status::error(Code::failed_precondition, std::string(origin) + " is not valid JSON", trouble);
}

void print_json(const Json& document) { std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n'; }

Json to_json(const Status& status) {
  Json json = {{"code", to_string(status.code)}, {"text", status.text()}, {"what", status.what}};
  if (!status.got.empty()) json["got"] = status.got;
  if (!status.accepted.empty()) json["accepted"] = status.accepted;
  if (!status.hint.empty()) json["hint"] = status.hint;
  return json;
}

Json to_json(const Value& value) {
  return std::visit(
      [](const auto& held) -> Json {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, TensorValue>) {
          if (!held.defined()) return nullptr;
          return {{"dtype", dtype_name(held.view().dtype_code, held.view().dtype_bits)}, {"shape", held.shape()}};
        } else if constexpr (std::is_same_v<T, double>) {
          if (!std::isfinite(held)) return to_string(Value(held));
          return held;
        } else {
          return held;
        }
      },
      value);
}

Json to_json(const KeyValues& values) {
  Json json = Json::object();
  for (const auto& [key, value] : values) json[key] = to_json(value);
  return json;
}

}  // namespace fvattn::host
