#include "cli/external_verb.hpp"

#include "common/paths.hpp"

#include <registry/trust.hpp>

#include <fvattn/registry.hpp>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <unistd.h>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "fvattn-";

bool is_verb_name(std::string_view name) {
  const auto fine = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), fine);
}

// Files fvattn-VERB that can be executed, sorted: the order of a folder is random.
std::vector<fs::path> verb_files(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code trouble;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, trouble), end; !trouble && at != end;
       at.increment(trouble)) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    if (name.starts_with(kPrefix) && is_verb_name(std::string_view(name).substr(kPrefix.size())) &&
        at->is_regular_file(ignored) && access(at->path().c_str(), X_OK) == 0)
      files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// A plugin's files lie in the folder, or in <folder>/<name>/.
std::vector<std::string> with_subfolders(const std::string& folder) {
  std::vector<std::string> folders;
  std::error_code trouble;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, trouble), end; !trouble && at != end;
       at.increment(trouble)) {
    std::error_code ignored;
    if (at->is_directory(ignored)) folders.push_back(at->path().string());
  }
  std::sort(folders.begin(), folders.end());
  folders.insert(folders.begin(), folder);
  return folders;
}

Status trusted(const TrustPolicy& policy, const std::string& source, const std::string& folder, const fs::path& file) {
  if (policy.owner == TrustPolicy::Owner::core && source != "library")
    return Status::error(Code::failed_precondition, file.string() + " is not beside libfvattn.so, and trust is core");
  if (Status status = check_folder(policy, folder); !status.ok()) return status;
  return check_folder(policy, file.string());
}

}  // namespace

ExternalVerbs find_external_verbs(const Environment& environment) {
  ExternalVerbs verbs;
  const auto add = [&](const fs::path& file, const char* source) {
    verbs.found.emplace(file.filename().string().substr(kPrefix.size()), ExternalVerb{file.string(), source});
  };
  for (const fs::path& file : verb_files(bin_directory())) add(file, "program");
  if (const std::string folder = libexec_directory(); !folder.empty())
    for (const fs::path& file : verb_files(folder)) add(file, "libexec");

  std::string complaint;
  const TrustPolicy policy = TrustPolicy::from(environment, complaint);
  for (const auto& [root, source] : plugin_search_path(environment))
    for (const std::string& folder : with_subfolders(root))
      for (const fs::path& file : verb_files(folder)) {
        const Status status = trusted(policy, source, folder, file);
        if (status.ok()) add(file, "plugin folder");
        else verbs.refused.push_back("verb " + file.string() + " is not used: " + status.text());
      }

  std::istringstream path(environment.get("PATH"));
  for (std::string folder; std::getline(path, folder, ':');)
    if (folder.starts_with('/'))
      for (const fs::path& file : verb_files(folder)) add(file, "PATH");
  return verbs;
}

}  // namespace fvattn::host
