/* Speaks version 2 of the ABI only. */
#include "table.h"

__attribute__((visibility("default")))
const fvattn_plugin* fvattn_plugin_entry_v2(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  return &plugin;
}
