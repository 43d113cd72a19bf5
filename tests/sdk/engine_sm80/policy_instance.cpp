// The same kernels as plain C++ for the emulator.
#include "policy_instance.cu"
