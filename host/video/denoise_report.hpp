// What denoise says of its run: for people, as JSON, and in the comparison sheet.
#pragma once

#include "video/denoise.hpp"

#include "common/json.hpp"

#include <ostream>
#include <string>

namespace fvattn::video {

/// What is going to happen: clip, noise, method, memory.
void print_setup(std::ostream& out, const DenoiseOptions& options, const DenoiseSetup& setup);
/// The table, who was left out and why, and the files.
void print_result(std::ostream& out, const DenoiseResult& result);
host::Json json_of(const DenoiseOptions& options, const DenoiseResult& result);

std::string sheet_title(const DenoiseOptions& options, const DenoiseResult& result);
std::string sheet_caption(const PassResult& pass);

}  // namespace fvattn::video
