// Content-addressed copies: what was checked is what is loaded, whatever happens to the original.
#pragma once

#include "open_file.hpp"

#include <fvattn/environment.hpp>

#include <string>

namespace fvattn {

/// $XDG_CACHE_HOME/fvattn/plugins/<sha256>/<file name> with the bytes of `file`, made if it is not there; folders
/// have mode 0700. A copy that is there is hashed again. Relative run paths ($ORIGIN) mean the new folder.
Result<std::string> locked_copy(const OpenFile& file, const std::string& sha256, const Environment& environment);

}  // namespace fvattn
