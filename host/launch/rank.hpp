// One rank beneath mpirun, which does not always say which rank failed: a process that watches it and does.
#pragma once

#include "launch/job.hpp"

#include <string_view>

namespace fvattn::host {

/// The first word of fvattn-launch's arguments when mpirun starts it.
inline constexpr const char* kAsRank = "--as-rank";

/// Runs argv[0] to its end. A failure of its own is one line on standard error. Returns the exit code.
int run_as_rank(int argc, char** argv);

/// What such a line says; nullopt for other lines.
std::optional<Outcome> reported_in(const std::string& line);

}  // namespace fvattn::host
