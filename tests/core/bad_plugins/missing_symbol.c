/* A shared object, but no plugin: its entry point has another name. */
#include "table.h"

__attribute__((visibility("default"))) const fvattn_plugin* my_entry(void) { return &plugin; }
