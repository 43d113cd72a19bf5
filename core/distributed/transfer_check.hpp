// Is what a rank hands to exchange() what its splits say?
#pragma once

#include <fvattn/distributed/communicator.hpp>

namespace fvattn {

/// INVALID_ARGUMENT unless every layout has the rows, heads and sizes of its pattern on `rank` of `size`. After it no
/// block reaches outside of a tensor.
Status check_transfers(const Exchange& exchange, int rank, int size);

}  // namespace fvattn
