#include "inspection.hpp"

#include <algorithm>
#include <fnmatch.h>

namespace fvattn {
namespace {

// The first glob of a comma list that matches; empty when none does.
std::string first_match(const std::string& globs, const std::string& id) {
  for (size_t at = 0; at <= globs.size();) {
    const size_t end = std::min(globs.find(',', at), globs.size());
    const std::string glob = globs.substr(at, end - at);
    if (!glob.empty() && fnmatch(glob.c_str(), id.c_str(), 0) == 0) return glob;
    at = end + 1;
  }
  return {};
}

}  // namespace

IdFilter::IdFilter(const Environment& environment)
    : select_(environment.get(env::kPluginsSelect)),
      disable_(environment.get(env::kPluginsDisable)),
      selects_(!select_.empty()) {}

std::string IdFilter::why_not(const std::string& id) const {
  if (const std::string glob = first_match(disable_, id); !glob.empty())
    return std::string(env::kPluginsDisable) + " has '" + glob + "'";
  if (selects_ && first_match(select_, id).empty())
    return std::string(env::kPluginsSelect) + "=" + select_ + " leaves it out";
  return {};
}

}  // namespace fvattn
