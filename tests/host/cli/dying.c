/* Dies in its entry point, or never returns from it: what the probe process is for. */
#include <fvattn/plugin.h>

#include <stdlib.h>
#include <unistd.h>

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host;
  (void)err;
  if (getenv("DYING_HANGS") == NULL) abort();
  for (;;) pause();
}
