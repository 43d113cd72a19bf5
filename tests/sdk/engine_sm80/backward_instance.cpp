// The same kernels as plain C++ for the emulator.
#include "backward_instance.cu"
