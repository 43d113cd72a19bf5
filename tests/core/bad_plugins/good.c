/* Nothing wrong with it. Compiled under several ids. EMBED puts a manifest into the library itself. */
#include "table.h"

#ifdef EMBED
__attribute__((section(".fvattn.manifest"), used)) static const char manifest[] =
    "manifest_version = 1\n[plugin]\nid = \"" PLUGIN_ID "\"\nversion = \"1.0\"\n[[backend]]\nname = \"" BACKEND_NAME "\"\n";
#endif

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  return &plugin;
}
