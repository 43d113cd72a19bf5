// Header-only tests for a plugin, with nothing but the SDK: loads the shared object, gives it a host table in memory,
// poisoned tensors between guard bands, and compares with a float64 reference.
//
//   int main(int, char** argv) { return fvattn::testing::Suite(argv[1], "MINE_ATTN").sweep().report(); }
//
// Suite sweeps a dense backend (forward, lse, gradients). Session takes one problem through every stage by hand: sparse
// backends compare with their own reference. On the CPU, or on the emulated GPU (testing/device.hpp); link with ${CMAKE_DL_LIBS} and threads.
#pragma once

#include <fvattn/testing/suite.hpp>
