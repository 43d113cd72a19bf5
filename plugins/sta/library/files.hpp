// Whole files in and out.
#pragma once

#include <string>
#include <string_view>

namespace fvattn::sta {

/// StaError with the system's reason.
std::string read_file(const std::string& path);
/// Written beside its name and renamed; makes missing folders.
void write_file(const std::string& path, std::string_view text);

}  // namespace fvattn::sta
