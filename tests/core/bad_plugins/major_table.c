/* The right symbol, but a table of version 2. */
#include "table.h"

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  plugin.abi_major = 2;
  return &plugin;
}
