// Versions as numbers with dots, and requirements on them.
#pragma once

#include <string_view>

namespace fvattn {

/// -1, 0, 1. Compares the leading numbers ("2.11.0+cu130" is 2.11.0); missing ones are 0.
int compare_versions(std::string_view a, std::string_view b);

/// A comma list of ==, !=, <=, >=, <, > and a version; "==2.11.*" compares the numbers before the star. A bare
/// version means ==. All must hold; an empty requirement always holds.
bool version_matches(std::string_view version, std::string_view requirement);

}  // namespace fvattn
