// The exit codes of every verb.
#pragma once

#include <fvattn/status.hpp>

namespace fvattn::host {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // the work could not be done: bad input file, full disk, failed computation
inline constexpr int kExitUsage = 2;        // the command line, a parameter or an environment variable asks for nonsense
inline constexpr int kExitUnavailable = 3;  // this machine or this build cannot: no such device, a backend that refuses

/// INVALID_ARGUMENT is usage, UNAVAILABLE unavailable, every other failure failed. What a file holds is never usage:
/// readers answer FAILED_PRECONDITION.
int exit_code(const Status& status);

}  // namespace fvattn::host
