// What one run did: for the file's metadata block, for scripts, for people.
#pragma once

#include "common/json.hpp"
#include "run/call.hpp"

#include <ostream>

namespace fvattn::host {

/// Named facts of a run.
struct Report {
  std::string output, device, dtype;
  Json parameters;
  std::vector<std::string> warnings;
  const CallResult* result = nullptr;
  int ranks = 1;
};

/// For __metadata__: program version, backend, plugin id, version and sha256, device, dtype, parameters, and
/// ranks if there were several.
std::map<std::string, std::string> metadata_block(const Report& report);
Json report_json(const Report& report);
void print_report(std::ostream& out, const Report& report);

}  // namespace fvattn::host
