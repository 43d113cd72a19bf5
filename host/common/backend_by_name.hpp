// A backend that the user named.
#pragma once

#include <fvattn/registry.hpp>

#include <string>

namespace fvattn::host {

/// As Registry::find, but a name that neither a plugin nor the reference knows is INVALID_ARGUMENT: a mistyped one.
Result<const AttentionBackend*> backend_by_name(Registry& registry, const std::string& name);

}  // namespace fvattn::host
