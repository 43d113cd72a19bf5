#include "backend.hpp"

FVATTN_PLUGIN("org.fvattn.sta", FVATTN_STA_VERSION, "fvattn", sta::SlidingTileAttention)
