#include "common/paths.hpp"

#include <fvattn/version.hpp>

#include <dlfcn.h>
#include <filesystem>
#include <vector>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;

std::string library_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&fvattn::version), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code trouble;
  const fs::path path = fs::canonical(info.dli_fname, trouble);
  return trouble ? std::string() : path.string();
}

// Looks for `part` beneath the folders above the program, then above the library: lib may be lib64 or lib/<triplet>.
std::string find_part(const fs::path& part) {
  for (const std::string& start : {executable_path(), library_path()}) {
    fs::path folder = fs::path(start).parent_path();
    for (int up = 0; up < 2 && folder.has_relative_path(); ++up) {
      folder = folder.parent_path();
      std::error_code trouble;
      if (fs::is_directory(folder / part, trouble)) return (folder / part).string();
    }
  }
  return {};
}

}  // namespace

std::string executable_path() {
  std::error_code trouble;
  const fs::path path = fs::read_symlink("/proc/self/exe", trouble);
  return trouble ? std::string() : path.string();
}

std::string bin_directory() { return fs::path(executable_path()).parent_path().string(); }
std::string libexec_directory() { return find_part(fs::path("libexec") / "fvattn"); }
std::string share_directory() { return find_part(fs::path("share") / "fvattn"); }

}  // namespace fvattn::host
