// Where plugins are looked for.
#pragma once

#include <fvattn/environment.hpp>

#include <string>
#include <utility>
#include <vector>

namespace fvattn {

/// The parts of the search that the environment does not decide; tests put their own folders here.
struct FixedFolders {
  std::vector<std::string> library;  // beside libfvattn.so
  std::vector<std::string> system;
  std::string drop_in;  // manifests that point elsewhere; the last of the search

  /// Those of this installation, by dladdr.
  static const FixedFolders& installed();
};

struct SearchFolder {
  std::string path, source;
  bool drop_in = false;
};

struct SearchPath {
  std::vector<std::string> files;       // exclusive: no folder is searched when there are any
  bool exclusive = false;               // the variable was set, be it to nothing
  std::vector<SearchFolder> folders;    // without duplicates
  std::vector<std::string> complaints;  // entries that cannot be used
};

/// Reads no folder. Relative entries are not used: the working directory is never searched.
SearchPath make_search_path(const Environment& environment, const FixedFolders& fixed);

/// "$XDG_DATA_HOME" + suffix, or HOME + fallback + suffix; empty when neither is an absolute path.
std::string user_folder(const Environment& environment, const char* variable, const char* fallback, const char* suffix);

}  // namespace fvattn
