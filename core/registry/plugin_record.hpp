// One plugin that the registry knows of, in whatever state.
#pragma once

#include "elf_file.hpp"
#include "plugin_backend.hpp"

#include <fvattn/registry.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace fvattn {

struct PluginRecord {
  PluginInfo info;
  ElfFile elf;             // of a plugin from a file
  struct stat library {};  // the file as it was inspected
  std::shared_ptr<PluginSession> session;
  std::vector<const PluginBackend*> backends;  // of a loaded plugin; they live as long as the process

  bool usable() const { return info.state == PluginState::found || info.state == PluginState::loaded; }
  bool from_api() const { return info.source == "api"; }

  /// The backend's own name for `name` (bare, or an alias) or an empty text. `exact`: aliases do not count.
  std::string offers(std::string_view name, bool exact) const;
  /// The manifest's priority; what the application registered comes before all files.
  int priority(std::string_view backend) const;
  const PluginBackend* backend(std::string_view name) const;
};

}  // namespace fvattn
