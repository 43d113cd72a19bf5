// The program to launch.
#pragma once

#include <fvattn/environment.hpp>
#include <fvattn/status.hpp>

#include <string>

namespace fvattn::host {

/// The file of a program's name by PATH, or the name itself if it has a '/'. "fvattn" is the one of this installation.
/// INVALID_ARGUMENT if there is none that can be executed.
Result<std::string> find_command(const std::string& name, const Environment& environment);
/// By PATH only; empty if there is none.
std::string find_in_path(const std::string& name, const Environment& environment);

}  // namespace fvattn::host
