#include "backend.hpp"

FVATTN_PLUGIN("org.fvattn.vmoba", FVATTN_VMOBA_VERSION, "fvattn", vmoba::VideoMoba)
