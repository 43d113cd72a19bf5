// The random numbers of one call.
#pragma once

#include <fvattn/plugin.h>
#include <fvattn/status.hpp>

#include <cstdint>
#include <optional>

namespace fvattn {

/// `seed` as given, else drawn from torch's default CPU generator, so that torch::manual_seed repeats a run. While a
/// graph is captured a drawn seed would be the same in each replay: FAILED_PRECONDITION then.
Result<fvattn_rng> make_rng(const std::optional<int64_t>& seed, bool capturing);

}  // namespace fvattn
