/* Refuses by itself, with a reason. */
#include "table.h"

#include <stdio.h>

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host;
  err->code = FVATTN_UNAVAILABLE;
  err->msg_len = (uint32_t)snprintf(err->msg, err->msg_cap, "no licence was found");
  return NULL;
}
