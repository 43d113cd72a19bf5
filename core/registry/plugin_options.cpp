#include "plugin_options.hpp"

#include <charconv>

namespace fvattn {
namespace {

struct IsNeutral {
  bool operator()(int64_t value) const { return value == 0; }
  bool operator()(double value) const { return value == 0; }
  bool operator()(bool value) const { return !value; }
  bool operator()(const std::string& value) const { return value.empty(); }
  bool operator()(const std::vector<int64_t>& value) const { return value.empty(); }
  bool operator()(const std::vector<double>& value) const { return value.empty(); }
  bool operator()(const TensorValue& value) const { return !value.defined(); }
};

template <class Number>
bool reads_as(const std::string& text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

// The text of a variable as the kind that the schema asks for; as text when it is not of that kind: the schema's
// check then says what is wrong.
Value value_of(const std::string& text, uint32_t kinds) {
  const auto takes = [&](int32_t kind) { return (kinds >> kind & 1u) != 0; };
  int64_t integer = 0;
  double number = 0;
  if (takes(FVATTN_STR)) return text;
  if (takes(FVATTN_BOOL) && (text == "0" || text == "1" || text == "false" || text == "true"))
    return text == "1" || text == "true";
  if (takes(FVATTN_I64) && reads_as(text, integer)) return integer;
  if (takes(FVATTN_F64) && reads_as(text, number)) return number;
  return text;
}

}  // namespace

Result<KeyValues> complete_options(const Schema& schema, const KeyValues& given, const Environment* environment,
                                   std::string_view who) {
  KeyValues options;
  for (const auto& [name, value] : given)
    if (schema.find(name) != nullptr || !std::visit(IsNeutral{}, value)) options.emplace(name, value);
  for (const SchemaKey& key : schema.keys()) {
    if (environment == nullptr || !key.name.starts_with(env::kPrefix) || options.find(key.name) != options.end()) continue;
    const std::string* text = environment->find(key.name);
    if (text == nullptr) continue;
    // A path: where no shell has read it, as in an env file, the home is still "~".
    const bool is_path = key.name == env::kConfig;
    options.emplace(key.name, value_of(is_path ? expand_home(*text, *environment) : *text, key.kinds));
  }
  return schema.complete(options, std::string(who) + " options");
}

}  // namespace fvattn
