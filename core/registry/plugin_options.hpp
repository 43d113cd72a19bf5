// The options of an impl: checked, neutral values of unknown ones accepted, some filled from the environment.
#pragma once

#include <fvattn/environment.hpp>
#include <fvattn/metadata.hpp>

#include <string_view>

namespace fvattn {

/// `given` against `schema`. Unknown keys with a neutral value (0, false, "", an empty list) are dropped: the
/// reference's callers pass dropout_rate=0 to everybody. A key of the schema whose name starts with
/// FASTVIDEO_ATTENTION_ and that was not given gets its value from `environment` (may be nullptr), for a plugin never
/// reads the environment itself.
Result<KeyValues> complete_options(const Schema& schema, const KeyValues& given, const Environment* environment,
                                   std::string_view who);

}  // namespace fvattn
