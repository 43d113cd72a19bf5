// "Did you mean": the nearest of a list of names.
#pragma once

#include <fvattn/export.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// The candidate with the smallest Damerau-Levenshtein distance to `name`, ignoring case; empty if none is within a
/// third of its length (at least 2 edits).
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace fvattn
