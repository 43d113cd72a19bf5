// Lets an exception out of its entry point.
#include <fvattn/plugin.h>

#include <stdexcept>

extern "C" const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host*, fvattn_error*) {
  throw std::runtime_error("out of the blue");
}
