// JSON in and out.
#pragma once

#include <fvattn/metadata.hpp>
#include <fvattn/status.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace fvattn::host {

using Json = nlohmann::ordered_json;

/// Strict: no comments, no key twice in one object, nesting of at most 64. `origin` names the source in messages.
/// FAILED_PRECONDITION with the position of the mistake.
Result<Json> parse_json(std::string_view text, std::string_view origin);
/// One document on standard output, indented. Bytes that are not UTF-8 are replaced.
void print_json(const Json& document);

Json to_json(const Status& status);
/// Tensors become {"dtype", "shape"}.
Json to_json(const Value& value);
Json to_json(const KeyValues& values);

}  // namespace fvattn::host
