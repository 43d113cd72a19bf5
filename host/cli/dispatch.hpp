// From the command line to a verb.
#pragma once

namespace fvattn::host {

/// Runs a built-in verb, or replaces the process by the program fvattn-VERB. Returns the exit code.
int dispatch(int argc, const char* const* argv);

}  // namespace fvattn::host
