// Functions for the host and, where nvcc compiles, for GPUs.
#pragma once

#ifdef __CUDACC__
#define FVATTN_SLOTS_FUNCTION __host__ __device__ inline
#else
#define FVATTN_SLOTS_FUNCTION inline
#endif
