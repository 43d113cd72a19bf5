#include "plugin_table.hpp"

#include "error_buffer.hpp"
#include "identifiers.hpp"

#include <algorithm>
#include <cstring>
#include <variant>

namespace fvattn {
namespace {

// Bounds of what an honest plugin has; above them a pointer or a count is garbage.
constexpr size_t kMostBytes = size_t{1} << 16, kMostBackends = 256, kMostKeys = 1024, kMostText = size_t{1} << 14;
constexpr int kMostExtensions = 64;

/// Throws TableError; never leaves this file.
[[noreturn]] void refuse(const char* rule, const std::string& what, std::string got = {}, std::string accepted = {},
                         Code code = Code::invalid_argument) {
  throw TableError{Status::error(code, what, std::move(got), std::move(accepted)), rule};
}

/// A copy in which every member that the producer's size does not wholly cover is 0.
template <class Struct>
Struct copy_sized(const Struct* from, size_t least, const char* what) {
  const uint32_t size = from->size;
  if (size < least || size > kMostBytes)
    refuse("FVP-3", std::string(what) + " lies about its size", std::to_string(size) + " bytes",
           std::to_string(least) + " to " + std::to_string(kMostBytes) + " (this core's has " +
               std::to_string(sizeof(Struct)) + ")");
  Struct copy{};
  // Behind the required members all are 8 bytes wide.
  std::memcpy(&copy, from, std::min<size_t>(size / 8 * 8, sizeof(copy)));
  return copy;
}

std::string copy_text(fvattn_str text, const std::string& what) {
  if (text.n == 0) return {};
  if (text.p == nullptr || text.n > kMostText)
    refuse("FVP-3", what + " is not a usable string", std::to_string(text.n) + " bytes");
  return printable({text.p, text.n}, kMostText);
}

// An unknown extension is skipped, unless it says that it must be understood. None is known yet.
void check_extensions(const fvattn_ext* extension, const std::string& what) {
  for (int count = 0; extension != nullptr; extension = extension->next) {
    if ((extension->type & FVATTN_EXT_CRITICAL) != 0)
      refuse("FVP-5", what + " has a critical extension that this fvattn does not know", std::to_string(extension->type),
             "upgrade fvattn", Code::unimplemented);
    if (++count > kMostExtensions) refuse("FVP-5", what + " has an endless chain of extensions");
  }
}

template <class Key>
void check_array(const Key* keys, size_t count, const std::string& what) {
  if (count > kMostKeys || (count > 0 && keys == nullptr))
    refuse("FVP-3", what + " are not a usable array", std::to_string(count) + " entries");
}

void check_distinct(std::vector<std::string> names, const std::string& what) {
  std::sort(names.begin(), names.end());
  if (!names.empty() && names.front().empty()) refuse("FVP-3", "one of " + what + " has no name");
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) refuse("FVH-5", "two of " + what + " have the same name", *twice);
}

// Before Schema::from follows its pointers.
void check_default(const fvattn_kv& kv, const std::string& what) {
  if (kv.kind < 0 || kv.kind > FVATTN_TENSOR) refuse("FVP-3", what + " has an unknown kind", std::to_string(kv.kind));
  const bool counted = kv.kind == FVATTN_STR || kv.kind == FVATTN_I64S || kv.kind == FVATTN_F64S;
  if (counted && kv.v.str != nullptr && kv.count > kMostBytes)
    refuse("FVP-3", what + " has a default of odd length", std::to_string(kv.count));
  if (kv.kind != FVATTN_TENSOR || kv.v.tensor == nullptr) return;
  const fvattn_tensor& tensor = *kv.v.tensor;
  if (tensor.ndim < 0 || tensor.ndim > 8 || (tensor.ndim > 0 && (tensor.shape == nullptr || tensor.strides == nullptr)))
    refuse("FVP-3", what + " has a default that is no usable tensor", std::to_string(tensor.ndim) + " dimensions");
}

Schema copy_schema(const fvattn_meta_key* keys, size_t count, const std::string& what) {
  check_array(keys, count, what);
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(copy_text(keys[i].dflt.key, "a name among " + what));
    copy_text(keys[i].doc, "the doc of '" + names.back() + "'");
    check_default(keys[i].dflt, "'" + names.back() + "' of " + what);
  }
  check_distinct(names, what);
  return Schema::from(keys, count);
}

std::vector<TensorKey> copy_tensor_keys(const fvattn_tensor_key* keys, size_t count, const std::string& what) {
  check_array(keys, count, what);
  std::vector<TensorKey> list;
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    const fvattn_tensor_key& key = keys[i];
    names.push_back(copy_text(key.name, "a name among " + what));
    list.push_back(
        {names.back(), copy_text(key.doc, "the doc of '" + names.back() + "'"), key.flags, key.shard, key.ndim, key.dtypes});
  }
  check_distinct(names, what);
  return list;
}

BackendTable read_backend(const fvattn_backend* from, size_t index) {
  const std::string number = "backend " + std::to_string(index);
  if (from == nullptr) refuse("FVP-3", number + " is NULL");
  BackendTable table;
  table.c = copy_sized(from, offsetof(fvattn_backend, forward) + sizeof(from->forward), ("the table of " + number).c_str());
  table.name = copy_text(table.c.name, "the name of " + number);
  if (!is_backend_name(table.name))
    refuse("FVP-3", "the name of " + number + " cannot be used", table.name, kBackendNameGrammar);
  table.doc = copy_text(table.c.doc, "the doc of " + table.name);
  check_extensions(table.c.ext, table.name);
  const std::pair<const char*, bool> required[] = {{"query", table.c.query != nullptr},
                                                   {"create", table.c.create != nullptr},
                                                   {"destroy", table.c.destroy != nullptr},
                                                   {"plan", table.c.plan != nullptr},
                                                   {"forward", table.c.forward != nullptr}};
  for (const auto& [slot, there] : required)
    if (!there)
      refuse("FVP-4", table.name + " leaves a required function empty", slot, "query, create, destroy, plan and forward");
  table.metadata = copy_schema(table.c.meta_keys, table.c.n_meta_keys, "the metadata keys of " + table.name);
  table.options = copy_schema(table.c.option_keys, table.c.n_option_keys, "the option keys of " + table.name);
  table.tensors = copy_tensor_keys(table.c.tensor_keys, table.c.n_tensor_keys, "the tensor keys of " + table.name);
  return table;
}

PluginTable read(const fvattn_plugin* plugin) {
  PluginTable table;
  table.c = copy_sized(plugin, offsetof(fvattn_plugin, n_backends) + sizeof(plugin->n_backends), "the plugin's table");
  if (table.c.abi_major != FVATTN_ABI_MAJOR)
    refuse("FVP-4", "the plugin's table is of another major version of the ABI", std::to_string(table.c.abi_major),
           std::to_string(FVATTN_ABI_MAJOR), Code::unimplemented);
  table.id = copy_text(table.c.id, "the plugin's id");
  if (!is_plugin_id(table.id)) refuse("FVP-3", "the plugin's id cannot be used", table.id, kPluginIdGrammar);
  table.version = copy_text(table.c.version, "the plugin's version");
  table.publisher = copy_text(table.c.publisher, "the plugin's publisher");
  table.build = copy_text(table.c.build, "the plugin's build");
  check_extensions(table.c.ext, "the plugin");
  if (table.c.n_backends == 0 || table.c.n_backends > kMostBackends || table.c.backends == nullptr)
    refuse("FVP-3", "the plugin offers no usable list of backends", std::to_string(table.c.n_backends) + " entries",
           "1 to " + std::to_string(kMostBackends));
  std::vector<std::string> names;
  for (size_t i = 0; i < table.c.n_backends; ++i) {
    table.backends.push_back(read_backend(table.c.backends[i], i));
    names.push_back(table.backends.back().name);
  }
  check_distinct(std::move(names), "the plugin's backends");
  return table;
}

}  // namespace

std::variant<PluginTable, TableError> read_plugin_table(const fvattn_plugin* plugin) {
  try {
    return read(plugin);
  } catch (TableError& error) {
    return std::move(error);
  } catch (const Error& error) {
    // A default value that cannot be copied.
    return TableError{error.status(), "FVP-3"};
  }
}

}  // namespace fvattn
