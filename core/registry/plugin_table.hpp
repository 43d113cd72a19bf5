// A plugin's C tables after validation: complete structs of this core's layout, strings copied.
#pragma once

#include <fvattn/attention_backend.hpp>
#include <fvattn/plugin.h>
#include <fvattn/status.hpp>

#include <string>
#include <vector>

namespace fvattn {

/// One backend. Slots that the plugin's struct lacks or leaves empty are nullptr.
struct BackendTable {
  fvattn_backend c{};
  std::string name, doc;
  Schema metadata, options;
  std::vector<TensorKey> tensors;
};

struct PluginTable {
  fvattn_plugin c{};
  std::string id, version, publisher, build;
  std::vector<BackendTable> backends;
};

/// A refusal of a table with the rule that it breaks.
struct TableError {
  Status status;
  std::string rule;
};

/// Checks everything that can be checked without calling the plugin. Sizes are read with FVATTN_HAS semantics:
/// smaller structs of an older minor version and larger ones of a newer are both fine.
std::variant<PluginTable, TableError> read_plugin_table(const fvattn_plugin* plugin);

}  // namespace fvattn
