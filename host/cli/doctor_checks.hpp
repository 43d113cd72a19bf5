// What doctor looks at.
#pragma once

#include <fvattn/context.hpp>

#include <string>
#include <vector>

namespace fvattn::host {

struct Check {
  enum class Verdict { ok, note, bad };
  Verdict verdict;
  std::string text;
};

struct CheckGroup {
  std::string title;
  std::vector<Check> checks;
};

CheckGroup check_program();
/// The driver and its devices; none is a note: everything runs on CPUs.
CheckGroup check_devices();
/// The LibTorch that the layers would get, read from files; nothing is loaded.
CheckGroup check_torch();
/// Every folder searched and every step taken; loads nothing.
CheckGroup check_plugins(Context& context);
/// The variables that are set, those nobody reads, the settings file.
CheckGroup check_environment(const Environment& environment);
/// Can files be written here and in the folder for temporary files?
CheckGroup check_writing();

}  // namespace fvattn::host
