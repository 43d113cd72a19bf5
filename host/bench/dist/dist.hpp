// fvattn bench dist: the verb.
#pragma once

namespace fvattn::bench::dist {

/// argv[0] is skipped. Returns the exit code.
int run_dist(int argc, char** argv);

}  // namespace fvattn::bench::dist
