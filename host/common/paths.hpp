// Where the parts of this installation lie, found from the running program, so that a moved prefix works.
#pragma once

#include <string>

namespace fvattn::host {

/// The running executable, links resolved.
std::string executable_path();
/// The folder of the running executable.
std::string bin_directory();
/// libexec/fvattn and share/fvattn of the prefix that the running executable, or else libfvattn.so, lies in; empty if
/// there is none.
std::string libexec_directory();
std::string share_directory();

}  // namespace fvattn::host
