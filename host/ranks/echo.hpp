// Failures of other ranks, as this one hears of them.
#pragma once

#include <fvattn/status.hpp>

#include <optional>

namespace fvattn::host {

/// What abort() is given for a failure, so that it keeps its code on other ranks.
std::string abort_reason(const Status& status);
/// With the code that abort_reason() put into the text, and without the mark.
Status with_original_code(Status status);
/// The rank whose failure this is about, as transports and agreements name it; nullopt if it is nobody's in particular.
std::optional<int> origin_of(const Status& status);
/// True for what all ranks find at the same time.
bool is_common(const Status& status);

}  // namespace fvattn::host
