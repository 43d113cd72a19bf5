// What an error of the selector says.
#pragma once

#include "candidate.hpp"

#include <fvattn/selector.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

/// Nobody registered `name`: lists the names there are, with the nearest one; where there are none, the folders searched.
Status unknown_name(std::string_view name, std::string_view origin, const Candidates& candidates);

/// No plugin offers anything: where they were looked for, and how to add a folder.
Status nobody_registered(const Request& request, const Candidates& candidates);

/// Nobody can serve. One paragraph a candidate: "`plugin/NAME` is not supported because:" and a bullet a reason.
Status nobody_serves(std::string what, const Request& request, const Candidates& candidates,
                     const std::vector<CandidateTrace>& refused);

/// The layer's list excludes what the argument or the layer's own default asks for.
Status excluded_by_list(std::string_view asked, std::string_view origin, const Request& request);

/// "FLASH_ATTN, TORCH_SDPA", or "any".
std::string list_text(const SupportedBackends& supported);

}  // namespace fvattn
