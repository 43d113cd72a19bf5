// Configurations that the bench compares with the chosen ones (heuristics.hpp).
#pragma once

#include "instances.hpp"

#define FVATTN_FORWARD_CANDIDATES(APPLY)        \
  APPLY((ForwardConfig<128, 128, 64, 4, 2, 2>)) \
  APPLY((ForwardConfig<128, 128, 32, 4, 2, 2>)) \
  APPLY((ForwardConfig<128, 64, 64, 4, 1, 3>))  \
  APPLY((ForwardConfig<128, 128, 64, 8, 1, 1>)) \
  APPLY((ForwardConfig<128, 128, 128, 8, 1, 1>)) \
  APPLY((ForwardConfig<64, 128, 128, 4, 1, 2>)) \
  APPLY((ForwardConfig<64, 128, 64, 4, 1, 2>))  \
  APPLY((ForwardConfig<64, 128, 64, 4, 2, 3>))  \
  APPLY((ForwardConfig<64, 128, 128, 8, 1, 1>))
