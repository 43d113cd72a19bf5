/* Has no forward. */
#include "table.h"

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  backend.forward = NULL;
  return &plugin;
}
