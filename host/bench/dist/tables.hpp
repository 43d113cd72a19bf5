// The record as text.
#pragma once

#include "common/json.hpp"

#include <ostream>

namespace fvattn::bench::dist {

void print_tables(std::ostream& out, const host::Json& record);

}  // namespace fvattn::bench::dist
