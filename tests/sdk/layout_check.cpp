#include "golden_layout.h"
int layout_is_checked(const fvattn_call* call) { return sees_total_steps(call); }
