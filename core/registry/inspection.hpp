// Everything that can be known of a plugin without running its code, and whether it may be loaded.
#pragma once

#include "discovery.hpp"
#include "elf_file.hpp"
#include "open_file.hpp"
#include "trace.hpp"
#include "trust.hpp"

#include <fvattn/registry.hpp>

#include <string>

namespace fvattn {

/// Globs of FASTVIDEO_ATTENTION_PLUGINS_SELECT and _DISABLE on ids.
class IdFilter {
 public:
  explicit IdFilter(const Environment& environment);
  /// Why `id` is not to be used, naming the setting; empty when it is.
  std::string why_not(const std::string& id) const;

 private:
  std::string select_, disable_;
  bool selects_ = false;
};

struct Inspection {
  PluginInfo info;  // found, refused or disabled
  ElfFile elf;
  struct stat library {};  // as it was seen
};

/// Reads manifest and library of a candidate and judges them in the order of the stages: search, trust, elf, manifest.
/// The verdict lands in the trace and in the result. A refused plugin's id and backends are filled in where they can
/// be read, so that messages can name it.
Inspection inspect(const Candidate& candidate, const TrustPolicy& policy, const IdFilter& filter, Trace& trace);

/// Owner and mode of a file and of the folders that its name leads through at the end.
Status check_trust(const TrustPolicy& policy, const OpenFile& file, const std::string& search_folder);

}  // namespace fvattn
