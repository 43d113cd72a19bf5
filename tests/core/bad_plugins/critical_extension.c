/* Needs an extension that nobody knows. */
#include "table.h"

static const fvattn_ext extension = {sizeof extension, FVATTN_EXT_CRITICAL | 77, NULL};

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  plugin.ext = &extension;
  return &plugin;
}
