// TORCH_SDPA through its C table against a float64 reference, run by ctest with the path of the plugin.
#include <fvattn/testing.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return fvattn::testing::Suite(argv[1], "TORCH_SDPA").sweep().report();
}
