// What libfvattn exports: everything in a `namespace fvattn FVATTN_PUBLIC` block, nothing else.
#pragma once

#define FVATTN_PUBLIC __attribute__((visibility("default")))
