// The parts of `fvattn sta`; each takes the arguments after its own name and returns the exit code.
#pragma once

#include <fvattn/sta/window.hpp>
#include <fvattn/status.hpp>

#include <functional>
#include <string>
#include <vector>

namespace fvattn::sta {

int search_verb(int argc, const char* const* argv);
int tune_verb(int argc, const char* const* argv);
int show_verb(int argc, const char* const* argv);

/// body() with what it throws as a Status: StaError is about files (FAILED_PRECONDITION).
Status guarded(const std::function<Status()>& body);
/// The window that an option names; INVALID_ARGUMENT naming the option.
Result<Window> window_option(const char* option, const std::string& text);

}  // namespace fvattn::sta
