#include "backend.hpp"

FVATTN_PLUGIN("org.fvattn.flash", FVATTN_FLASH_VERSION, "fvattn", flash::FlashAttention)
