// The forced backend of this thread without a copy, for the memo.
#pragma once

#include <string>
#include <string_view>

namespace fvattn {

/// Valid until this thread opens or leaves a scope.
std::string_view scope_backend();

/// Replaces the innermost scope's value, or the forced one beneath all scopes.
void force_scope_backend(std::string backend);

}  // namespace fvattn
