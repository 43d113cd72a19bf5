// fvattn help: the verbs, one line each.
#pragma once

#include <ostream>
#include <string>

namespace fvattn::host {

void print_help(std::ostream& out);
/// The verbs that start with one word: "config".
void print_group_help(std::ostream& out, const std::string& group);

}  // namespace fvattn::host
