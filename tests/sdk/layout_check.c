#include "golden_layout.h"
int layout_is_checked_in_c(const fvattn_call* call) { return sees_total_steps(call); }
