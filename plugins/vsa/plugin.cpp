#include "backend.hpp"

FVATTN_PLUGIN("org.fvattn.vsa", FVATTN_VSA_VERSION, "fvattn", vsa::VideoSparseAttention)
