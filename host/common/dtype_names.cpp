#include "common/dtype_names.hpp"

#include <fvattn/nearest.hpp>
#include <fvattn/plugin.h>

namespace fvattn::host {
namespace {

struct Spelling {
  const char* name;
  DtypeCode dtype;
  bool floating;
};

constexpr Spelling kSpellings[] = {
    {"float64", {FVATTN_DTYPE_FLOAT, 64}, true},   {"float32", {FVATTN_DTYPE_FLOAT, 32}, true},
    {"bfloat16", {FVATTN_DTYPE_BFLOAT, 16}, true}, {"float16", {FVATTN_DTYPE_FLOAT, 16}, true},
    {"fp64", {FVATTN_DTYPE_FLOAT, 64}, true},      {"fp32", {FVATTN_DTYPE_FLOAT, 32}, true},
    {"bf16", {FVATTN_DTYPE_BFLOAT, 16}, true},     {"fp16", {FVATTN_DTYPE_FLOAT, 16}, true},
    {"bool", {FVATTN_DTYPE_BOOL, 8}, false},       {"uint8", {FVATTN_DTYPE_UINT, 8}, false},
    {"int32", {FVATTN_DTYPE_INT, 32}, false},      {"int64", {FVATTN_DTYPE_INT, 64}, false},
};

}  // namespace

Result<DtypeCode> dtype_by_name(const std::string& name, const std::string& option, bool integers) {
  std::vector<std::string> accepted;
  for (const Spelling& spelling : kSpellings) {
    if (!spelling.floating && !integers) continue;
    if (name == spelling.name) return spelling.dtype;
    accepted.emplace_back(spelling.name);
  }
  std::string list;
  for (const std::string& one : accepted) list += (list.empty() ? "" : ", ") + one;
  const std::string near = nearest_name(name, accepted);
  return Status::error(Code::invalid_argument, option + ": unknown dtype", name, list,
                       near.empty() ? "" : "did you mean " + near + "?");
}

}  // namespace fvattn::host
