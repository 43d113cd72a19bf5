/* A backend's table of two billion bytes. */
#include "table.h"

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  backend.size = 0x7fffffff;
  return &plugin;
}
