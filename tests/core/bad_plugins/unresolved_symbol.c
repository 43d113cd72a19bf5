/* Calls a function that no library has. */
#include "table.h"

int fvattn_test_no_such_function(void);

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err;
  return fvattn_test_no_such_function() ? &plugin : NULL;
}
