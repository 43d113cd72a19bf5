// Fresh random numbers in each run; FVATTN_TEST_SEED repeats one.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace engine_test {

std::mt19937_64& numbers();
inline int random_int(int low, int high) { return std::uniform_int_distribution<int>(low, high)(numbers()); }

}  // namespace engine_test
