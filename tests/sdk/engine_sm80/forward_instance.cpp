// The same kernels as plain C++ for the emulator.
#include "forward_instance.cu"
