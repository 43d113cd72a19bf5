// Loading shared objects for good.
#pragma once

#include "open_file.hpp"
#include "requirements.hpp"

#include <fvattn/plugin.h>

#include <string>

namespace fvattn {

struct LoadedLibrary {
  fvattn_plugin_entry_fn entry = nullptr;
  Refusal refusal;  // set when there is no entry
};

/// Loads `path` with RTLD_NOW, RTLD_LOCAL and RTLD_NODELETE and finds its entry point. `file` is what was checked under
/// that name; it is refused if the name leads elsewhere afterwards. A library that changes how this thread computes
/// (-ffast-math) is refused, and the change undone. Thread-safe; answers for the same path are remembered for the
/// life of the process, as the dynamic linker would give the same library again.
LoadedLibrary load_library(const OpenFile& file, const std::string& path);

}  // namespace fvattn
