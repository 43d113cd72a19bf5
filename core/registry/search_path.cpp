#include "search_path.hpp"

#include <fvattn/registry.hpp>

#include <dlfcn.h>
#include <filesystem>
#include <set>

namespace fvattn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPluginsFolder = "fvattn/plugins";

std::vector<std::string> split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(separator, at), list.size());
    if (end > at) parts.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

FixedFolders find_installed() {
  FixedFolders fixed;
  fixed.system = {"/usr/local/lib/fvattn/plugins", "/usr/lib/fvattn/plugins"};
  fixed.drop_in = "/etc/fvattn/plugins.d";
  Dl_info info{};
  // A function that only this library has: the address of an exported one may lie in the program.
  if (dladdr(reinterpret_cast<const void*>(&find_installed), &info) == 0 || info.dli_fname == nullptr) return fixed;
  std::error_code trouble;
  const fs::path named = fs::absolute(info.dli_fname, trouble);
  if (trouble) return fixed;
  fixed.library.push_back((named.parent_path() / kPluginsFolder).lexically_normal());
  // The name may be a symbolic link from a folder of links.
  const fs::path real = fs::canonical(named, trouble);
  if (!trouble && real.parent_path() != named.parent_path()) fixed.library.push_back(real.parent_path() / kPluginsFolder);
  return fixed;
}

}  // namespace

const FixedFolders& FixedFolders::installed() {
  static const auto* folders = new FixedFolders(find_installed());
  return *folders;
}

std::string user_folder(const Environment& environment, const char* variable, const char* fallback, const char* suffix) {
  // The XDG specification: a relative value is to be ignored.
  if (const std::string* base = environment.find(variable); base != nullptr && base->starts_with('/')) return *base + suffix;
  const std::string* home = environment.find("HOME");
  return home != nullptr && home->starts_with('/') ? *home + fallback + suffix : std::string();
}

SearchPath make_search_path(const Environment& environment, const FixedFolders& fixed) {
  SearchPath path;
  const auto absolute = [&](const std::string& entry, const char* variable) {
    std::string full = expand_home(entry, environment);
    if (!full.starts_with('/')) {
      path.complaints.push_back("'" + entry + "' of " + variable +
                                " is not an absolute path and is not used; the working directory is never searched");
      return std::string();
    }
    return fs::path(full).lexically_normal().string();
  };
  if (const std::string* files = environment.find(env::kPluginFiles)) {
    path.exclusive = true;
    for (const std::string& file : split(*files, ':'))
      if (std::string full = absolute(file, env::kPluginFiles); !full.empty()) path.files.push_back(std::move(full));
    return path;
  }

  std::set<std::string> seen;
  const auto add = [&](std::string folder, const char* source, bool drop_in = false) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    std::error_code trouble;
    const fs::path real = fs::weakly_canonical(folder, trouble);
    if (seen.insert(trouble ? folder : real.string()).second) path.folders.push_back({std::move(folder), source, drop_in});
  };
  for (const std::string& folder : split(environment.get(env::kPluginPath), ':'))
    if (std::string full = absolute(folder, env::kPluginPath); !full.empty()) add(std::move(full), "path");
  for (const std::string& folder : environment.settings_plugin_folders()) add(folder, "settings");
  if (std::string user = user_folder(environment, "XDG_DATA_HOME", "/.local/share", "/fvattn/plugins"); !user.empty())
    add(std::move(user), "user");
  for (const std::string& folder : fixed.library) add(folder, "library");
  for (const std::string& folder : fixed.system) add(folder, "system");
  if (!fixed.drop_in.empty()) add(fixed.drop_in, "system", true);
  return path;
}

std::vector<std::pair<std::string, std::string>> plugin_search_path(const Environment& environment) {
  std::vector<std::pair<std::string, std::string>> folders;
  for (const SearchFolder& folder : make_search_path(environment, FixedFolders::installed()).folders)
    folders.emplace_back(folder.path, folder.source);
  return folders;
}

}  // namespace fvattn
