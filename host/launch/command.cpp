#include "launch/command.hpp"

#include "common/paths.hpp"

#include <filesystem>
#include <sstream>
#include <unistd.h>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;

bool can_run(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0;
}

}  // namespace

std::string find_in_path(const std::string& name, const Environment& environment) {
  std::istringstream path(environment.get("PATH"));
  for (std::string folder; std::getline(path, folder, ':');)
    if (const fs::path file = fs::path(folder.empty() ? "." : folder) / name; can_run(file)) return file.string();
  return {};
}

Result<std::string> find_command(const std::string& name, const Environment& environment) {
  if (name == "fvattn")
    if (const fs::path own = fs::path(bin_directory()) / ".." / ".." / "bin" / "fvattn"; can_run(own))
      return own.lexically_normal().string();
  const bool is_path = name.find('/') != std::string::npos;
  const std::string file = is_path ? (can_run(name) ? name : "") : find_in_path(name, environment);
  if (!file.empty()) return file;
  return Status::error(Code::invalid_argument, "there is no program to launch", "'" + name + "'",
                       "a file that can be executed, or a name that PATH finds");
}

}  // namespace fvattn::host
