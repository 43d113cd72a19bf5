#include "common/backend_by_name.hpp"

#include <fvattn/selector.hpp>

#include <algorithm>

namespace fvattn::host {

Result<const AttentionBackend*> backend_by_name(Registry& registry, const std::string& name) {
  Result<const AttentionBackend*> found = registry.find(name);
  const auto& known = reference_backend_names();
  if (found || !registry.providers(name).empty() || std::find(known.begin(), known.end(), name) != known.end()) return found;
  Status status = found.status();
  status.code = Code::invalid_argument;
  return status;
}

}  // namespace fvattn::host
