// The accuracy table.
#pragma once

#include "verify/finding.hpp"

#include "common/json.hpp"

#include <ostream>

namespace fvattn::verify {

/// All findings of one backend.
struct BackendReport {
  std::string backend, plugin, device;
  bool chooses_keys = false;
  std::vector<Finding> findings;

  int failed() const;
  int ran() const;
};

/// One row a backend and dtype: the worst of each quantity. Then each failure in full.
void print_table(std::ostream& out, const std::vector<BackendReport>& reports, bool with_refusals);
host::Json report_json(const std::vector<BackendReport>& reports);

}  // namespace fvattn::verify
