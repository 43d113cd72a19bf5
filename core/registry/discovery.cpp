#include "discovery.hpp"

#include <algorithm>
#include <filesystem>

namespace fvattn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSidecarEnd = ".fvattn.toml", kDropInEnd = ".toml", kLibraryStart = "libfvattn_",
                           kLibraryEnd = ".so";

bool framed(std::string_view text, std::string_view start, std::string_view end) {
  return text.size() > start.size() + end.size() && text.starts_with(start) && text.ends_with(end);
}

struct Names {
  std::vector<std::string> files, folders;
};

Names read_names(const std::string& folder, std::string& trouble) {
  Names names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;  // a broken link is a file that cannot be opened later, with a reason then
    (at->is_directory(ignored) ? names.folders : names.files).push_back(at->path().filename().string());
  }
  if (error) trouble = error.message();
  // The order of a folder's entries is random; what wins must not be.
  std::sort(names.files.begin(), names.files.end());
  std::sort(names.folders.begin(), names.folders.end());
  return names;
}

void list_files(const std::string& path, const Names& names, const SearchFolder& folder, std::vector<Candidate>& out) {
  const auto manifest_end = folder.drop_in ? kDropInEnd : kSidecarEnd;
  std::vector<std::string> claimed;
  for (const std::string& name : names.files) {
    if (!framed(name, "", manifest_end)) continue;
    claimed.push_back(library_name_of(name));
    out.push_back({path + "/" + name, {}, folder.path, folder.source, folder.drop_in});
  }
  if (folder.drop_in) return;
  for (const std::string& name : names.files) {
    if (!framed(name, kLibraryStart, kLibraryEnd) || is_reserved_name(plugin_name_of(name))) continue;
    if (std::find(claimed.begin(), claimed.end(), name) == claimed.end())
      out.push_back({{}, path + "/" + name, folder.path, folder.source, false});
  }
}

}  // namespace

std::string plugin_name_of(const std::string& name) {
  if (framed(name, "", kSidecarEnd)) return name.substr(0, name.size() - kSidecarEnd.size());
  if (framed(name, kLibraryStart, kLibraryEnd))
    return name.substr(kLibraryStart.size(), name.size() - kLibraryStart.size() - kLibraryEnd.size());
  return {};
}

std::string library_name_of(const std::string& sidecar) {
  return framed(sidecar, "", kSidecarEnd) ? std::string(kLibraryStart) + plugin_name_of(sidecar) + std::string(kLibraryEnd)
                                          : std::string();
}

std::string sidecar_name_of(const std::string& library) {
  return framed(library, kLibraryStart, kLibraryEnd) ? plugin_name_of(library) + std::string(kSidecarEnd) : std::string();
}

bool is_reserved_name(const std::string& name) { return name == "torch" || name == "torch_ops"; }

FolderContent list_folder(const SearchFolder& folder) {
  FolderContent content;
  std::error_code error;
  if (!fs::exists(folder.path, error)) {
    content.missing = true;
    return content;
  }
  const Names names = read_names(folder.path, content.trouble);
  list_files(folder.path, names, folder, content.candidates);
  if (folder.drop_in) return content;
  for (const std::string& inner : names.folders) {
    std::string ignored;  // somebody's private folder is no plugin's
    const std::string path = folder.path + "/" + inner;
    list_files(path, read_names(path, ignored), folder, content.candidates);
  }
  return content;
}

Candidate candidate_of_file(const std::string& path) {
  const fs::path file(path);
  Candidate candidate;
  candidate.folder = file.parent_path();
  candidate.source = "files";
  if (path.ends_with(kSidecarEnd)) {
    candidate.sidecar = path;
    return candidate;
  }
  candidate.library = path;
  std::error_code ignored;
  const std::string sidecar = sidecar_name_of(file.filename());
  if (!sidecar.empty() && fs::exists(file.parent_path() / sidecar, ignored))
    candidate.sidecar = file.parent_path() / sidecar;
  return candidate;
}

}  // namespace fvattn
