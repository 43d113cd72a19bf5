// The files in the search path that may be plugins, in order. Opens none of them but drop-in manifests' folder.
#pragma once

#include "search_path.hpp"

#include <string>
#include <vector>

namespace fvattn {

/// A manifest, a library, or both. Paths are absolute.
struct Candidate {
  std::string sidecar;   // NAME.fvattn.toml; empty: only the library
  std::string library;   // empty: the sidecar says where it is
  std::string folder;    // of the search, for the trust check
  std::string source;    // as in PluginInfo
  bool drop_in = false;  // its manifest may name a library elsewhere by an absolute path

  const std::string& path() const { return sidecar.empty() ? library : sidecar; }
};

/// "libfvattn_NAME.so" of "NAME.fvattn.toml" and back; empty for other names.
std::string library_name_of(const std::string& sidecar_name);
std::string sidecar_name_of(const std::string& library_name);
/// NAME of either; empty for other names.
std::string plugin_name_of(const std::string& file_name);
/// True for names that fvattn's own libraries have.
bool is_reserved_name(const std::string& plugin_name);

/// The candidates of one folder and of its sub-folders, one level deep, sorted: manifests before libraries that have
/// none. `trouble` gets the reason when the folder cannot be read; a folder that is not there is `missing`.
struct FolderContent {
  std::vector<Candidate> candidates;
  std::string trouble;
  bool missing = false;
};
FolderContent list_folder(const SearchFolder& folder);

/// The candidate of a file that was named: a library (its sidecar is looked for beside it) or a manifest.
Candidate candidate_of_file(const std::string& path);

}  // namespace fvattn
