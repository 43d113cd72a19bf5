// The manifest of a plugin: what can be known of it without running its code.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/status.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

struct BackendManifest {
  std::string name;
  std::vector<std::string> aliases, dtypes, features, lacks;
  int priority = 0;
  int head_dim_max = 0;  // 0 = not said
  bool graph_safe = false, deterministic = false, approximate = false;
};

/// Requirements on LibTorch; checked before the library is loaded.
struct TorchRequirement {
  std::string version;  // "==2.11.*"
  bool cxx11_abi = true;
};

struct Manifest {
  int manifest_version = 0;
  std::string id, version, publisher, license, url, description;
  std::string abi_name;
  int abi_major = 0, abi_min_minor = 0;
  std::string library;    // file name for this platform, relative to the manifest
  std::string sha256;     // sidecar only, for this platform
  std::string entrypoint = "fvattn_plugin_entry_v1";
  std::string cuda_runtime, cudart, min_driver;
  std::vector<std::string> sass, ptx;
  std::string glibc, glibcxx;
  bool needs_torch = false;
  TorchRequirement torch;
  std::vector<BackendManifest> backends;

  std::vector<std::string> notes;  // unknown tables and keys, with the nearest name
  /// The document without library.sha256 and [trust], in one canonical form: equal for sidecar and embedded copy.
  std::string canonical;
};

inline constexpr int kManifestVersion = 1;

/// Reads a manifest. Untrusted input: every type is checked, and a version above kManifestVersion is refused with a
/// word about upgrading. `origin` names the source in messages.
Result<Manifest> parse_manifest(std::string_view toml, std::string_view origin);

}  // namespace fvattn
