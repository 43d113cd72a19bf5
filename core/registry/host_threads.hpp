// The process's own threads for parallel_for, used until libfvattn_torch brings torch's.
#pragma once

#include <cstdint>

namespace fvattn {

/// As fvattn_host.parallel_for. May be called from any thread, also from within fn; the caller works too, so it
/// always gets on. Threads start with the first call that has work for more than one, as many as
/// std::thread::hardware_concurrency() says (which follows the CPU affinity), and live as long as the process.
void parallel_for_own_threads(int64_t n, int64_t grain, void (*fn)(void* arg, int64_t lo, int64_t hi), void* arg);

}  // namespace fvattn
