// A look at TOML before the parser gets it.
#pragma once

#include <cstddef>
#include <string_view>

namespace fvattn {

/// Where the first byte above 127 stands that is neither in a comment nor in a string of one line; npos if none does.
/// TOML allows none outside of comments and strings, and toml++ 3.3 runs into __builtin_unreachable() when it compares
/// one with white space (there, within bare values, and after a line-ending backslash in a string of several lines).
/// Agrees with the parser up to the document's first error, which is as far as the parser reads.
size_t stray_non_ascii(std::string_view toml);

}  // namespace fvattn
