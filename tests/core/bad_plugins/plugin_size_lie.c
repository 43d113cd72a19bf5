/* Claims a table too small to hold its own backends. */
#include "table.h"

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  plugin.size = 16;
  return &plugin;
}
