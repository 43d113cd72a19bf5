#include "bench/workload.hpp"

#include "common/parameters.hpp"

#include <charconv>

namespace fvattn::bench {
namespace {

// At commas outside of brackets.
std::vector<std::string> values_of(const std::string& text) {
  std::vector<std::string> values(1);
  int depth = 0;
  for (const char c : text) {
    depth += (c == '[') - (c == ']');
    if (c == ',' && depth == 0) values.emplace_back();
    else values.back() += c;
  }
  return values;
}

Status bad_value(const std::string& name, const std::string& value, const std::string& accepted) {
  return Status::error(Code::invalid_argument, "axis '" + name + "' does not take that value", value, accepted);
}

Result<int64_t> length_of(const std::string& name, const std::string& value, int64_t least = 1) {
  int64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || end != value.data() + value.size() || length < least || length > int64_t{1} << 40)
    return bad_value(name, value, "a whole number from " + std::to_string(least));
  return length;
}

Status set_grid(Workload& workload, const std::string& value) {
  std::vector<int64_t> grid;
  for (size_t at = 0; at <= value.size();) {
    const size_t end = std::min(value.find('x', at), value.size());
    const Result<int64_t> length = length_of("grid", value.substr(at, end - at));
    if (!length) return bad_value("grid", value, "TxHxW, for example 21x30x52");
    grid.push_back(*length);
    at = end + 1;
  }
  if (grid.size() != 3) return bad_value("grid", value, "TxHxW, for example 21x30x52");
  workload.grid = grid;
  workload.q_len = grid[0] * grid[1] * grid[2] + workload.text;
  return {};
}

Status set_parameter(Workload& workload, const std::string& name, const std::string& value) {
  const auto json = host::parse_json(value, "axis '" + name + "'");
  if (!json) {
    workload.parameters[name] = value;  // a bare word is a string, as in --param
    return {};
  }
  Result<Value> parsed = host::value_from_json(name, *json);
  if (!parsed) return parsed.status();
  workload.parameters[name] = std::move(*parsed);
  return {};
}

// False: the name is no property of a workload.
Result<bool> set(Workload& workload, const std::string& name, const std::string& value) {
  struct Length {
    const char* name;
    int64_t Workload::*field;
  };
  static constexpr Length lengths[] = {{"batch", &Workload::batch},       {"seq", &Workload::q_len},
                                       {"kv_seq", &Workload::kv_len},     {"heads", &Workload::heads},
                                       {"kv_heads", &Workload::kv_heads}, {"dim", &Workload::dim}};
  for (const Length& known : lengths) {
    if (name != known.name) continue;
    const Result<int64_t> length = length_of(name, value);
    if (!length) return length.status();
    workload.*known.field = *length;
    if (name == "seq") workload.grid.clear();
    return true;
  }
  if (name == "grid") {
    if (Status status = set_grid(workload, value); !status.ok()) return status;
    return true;
  }
  if (name == "dtype") {
    workload.dtype = value;
    return true;
  }
  if (name == "text") {
    const Result<int64_t> length = length_of(name, value, 0);
    if (!length) return length.status();
    workload.q_len += *length - workload.text;
    workload.text = *length;
    return true;
  }
  if (name == "causal") {
    if (value != "true" && value != "false") return bad_value(name, value, "true, false");
    workload.causal = value == "true";
    return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Workload>> with_axes(std::vector<Workload> base, const std::vector<std::string>& axes) {
  for (const std::string& axis : axes) {
    const size_t equals = axis.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == axis.size())
      return Status::error(Code::invalid_argument, "--axis takes NAME=VALUE,VALUE,...", axis, "for example seq=4096,8192");
    const std::string name = axis.substr(0, equals);
    std::vector<Workload> product;
    for (const Workload& workload : base)
      for (const std::string& value : values_of(axis.substr(equals + 1))) {
        product.push_back(workload);
        const Result<bool> known = set(product.back(), name, value);
        if (!known) return known.status();
        if (*known) continue;
        product.back().name += " " + name + "=" + value;  // the shape does not show it
        if (Status status = set_parameter(product.back(), name, value); !status.ok()) return status;
      }
    base = std::move(product);
  }
  for (const Workload& workload : base)
    if (workload.heads % workload.key_heads() != 0)
      return Status::error(Code::invalid_argument, "heads must be a multiple of kv_heads",
                           std::to_string(workload.heads) + " and " + std::to_string(workload.key_heads()));
  return base;
}

}  // namespace fvattn::bench
