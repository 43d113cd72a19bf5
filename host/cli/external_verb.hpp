// Verbs that are programs of their own: fvattn-VERB beside fvattn, in libexec/fvattn, in plugin folders, on PATH.
#pragma once

#include <fvattn/environment.hpp>

#include <map>
#include <string>
#include <vector>

namespace fvattn::host {

struct ExternalVerb {
  std::string path;
  std::string source;  // "program", "libexec", "plugin folder", "PATH"
};

struct ExternalVerbs {
  std::map<std::string, ExternalVerb> found;  // by verb; the first in the order above
  std::vector<std::string> refused;           // files in plugin folders that are not trusted, with the reason
};

/// Looks at all those folders. Plugin folders count under the trust rules of plugins; relative entries of PATH do not
/// count at all: the working directory is never searched.
ExternalVerbs find_external_verbs(const Environment& environment);

}  // namespace fvattn::host
