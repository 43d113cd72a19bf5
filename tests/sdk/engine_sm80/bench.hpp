#pragma once

namespace fvattn::engine::sm80::test {

/// Prints a table of TFLOP/s; 0, or 1 when a launch failed.
int bench();

}  // namespace fvattn::engine::sm80::test
