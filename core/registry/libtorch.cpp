#include "libtorch.hpp"

#include "open_file.hpp"
#include "version_match.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <link.h>

namespace fvattn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libtorch_cpu.so";
constexpr uint64_t kMostTextBytes = uint64_t{1} << 20;

int note_if_torch(dl_phdr_info* info, size_t, void* path) {
  const char* slash = std::strrchr(info->dlpi_name, '/');
  if (slash == nullptr || std::strcmp(slash + 1, kLibrary) != 0) return 0;
  *static_cast<std::string*>(path) = info->dlpi_name;
  return 1;
}

std::vector<std::string> linker_folders(const ElfFile& plugin, const std::string& plugin_path) {
  std::vector<std::string> folders;
  // The dynamic linker's own variable, not a setting of ours; it ignores it in set-user-id programs, as this does.
  if (const char* list = secure_getenv("LD_LIBRARY_PATH")) {
    std::string_view rest = list;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) folders.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  for (const std::string& entry : plugin.run_path) folders.push_back(expand_origin(entry, plugin_path));
#if defined(__x86_64__)
  folders.insert(folders.end(), {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"});
#else
  folders.insert(folders.end(), {"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"});
#endif
  folders.insert(folders.end(), {"/lib", "/usr/lib", "/usr/local/lib"});
  return folders;
}

std::string read_text(const fs::path& path) {
  const auto file = OpenFile::open(path);
  if (!file) return {};
  auto text = (*file)->text(kMostTextBytes);
  return text ? std::move(*text) : std::string();
}

// The text between quotes after `name` ("__version__ = '2.11.0'", or "TORCH_VERSION \"2.11.0\"").
std::string quoted_after(const std::string& text, const std::string& name) {
  const size_t at = text.find(name);
  const size_t open = at == std::string::npos ? at : text.find_first_of("'\"\n", at + name.size());
  if (open == std::string::npos || text[open] == '\n') return {};
  const size_t close = text.find(text[open], open + 1);
  return close == std::string::npos ? std::string() : text.substr(open + 1, close - open - 1);
}

std::string number_after(const std::string& text, const std::string& name) {
  const size_t at = text.find("define " + name + " ");
  if (at == std::string::npos) return {};
  const size_t from = text.find_first_of("0123456789", at + name.size());
  return from == std::string::npos ? std::string() : text.substr(from, text.find_first_not_of("0123456789", from) - from);
}

std::string header_version(const std::string& header) {
  const std::string major = number_after(header, "TORCH_VERSION_MAJOR"), minor = number_after(header, "TORCH_VERSION_MINOR");
  const std::string patch = number_after(header, "TORCH_VERSION_PATCH");
  return major.empty() || minor.empty() || patch.empty() ? std::string() : major + "." + minor + "." + patch;
}

}  // namespace

std::string expand_origin(std::string entry, const std::string& library_path) {
  const std::string origin = fs::path(library_path).parent_path();
  for (const std::string_view name : {"${ORIGIN}", "$ORIGIN"})
    for (size_t at = entry.find(name); at != std::string::npos; at = entry.find(name, at + origin.size()))
      entry.replace(at, name.size(), origin);
  return entry;
}

Libtorch find_libtorch(const ElfFile& plugin, const std::string& plugin_path) {
  Libtorch torch;
  torch.loaded = dl_iterate_phdr(&note_if_torch, &torch.path) != 0;
  if (!torch.loaded) {
    for (const std::string& folder : linker_folders(plugin, plugin_path)) {
      std::error_code ignored;
      const fs::path library = fs::path(folder) / kLibrary;
      torch.tried.push_back(folder);
      if (!fs::exists(library, ignored)) continue;
      torch.path = library;
      break;
    }
  }
  if (!torch.path.empty()) describe_libtorch(torch);
  return torch;
}

void describe_libtorch(Libtorch& torch) {
  const fs::path folder = fs::path(torch.path).parent_path(), root = folder.parent_path();
  torch.version = quoted_after(read_text(root / "version.py"), "__version__ =");
  if (torch.version.empty()) {
    std::string line = read_text(root / "build-version");
    torch.version = line.substr(0, line.find_first_of("\r\n"));
  }
  for (const char* header : {"include/torch/headeronly/version.h", "include/torch/version.h"})
    if (torch.version.empty()) torch.version = header_version(read_text(root / header));

  // The C++11 ABI is in the mangled names. libc10.so has few enough to look through.
  const auto file = OpenFile::open(folder / "libc10.so");
  if (!file) return;
  const auto elf = read_elf(**file);
  if (elf) torch.cxx11_abi = elf->mentions("NSt7__cxx1112basic_string");
}

Status check_libtorch(const TorchRequirement& required, const Libtorch& torch) {
  const std::string wanted = "LibTorch " + (required.version.empty() ? "of any version" : required.version);
  if (torch.path.empty()) {
    std::string tried;
    for (const std::string& folder : torch.tried) tried += (tried.empty() ? "" : ", ") + folder;
    return Status::error(Code::failed_precondition, "the plugin needs " + wanted + ", and no libtorch_cpu.so was found",
                         "looked into " + tried, {},
                         "install that torch, or put the folder of its libtorch_cpu.so into LD_LIBRARY_PATH");
  }
  const std::string found = (torch.version.empty() ? "LibTorch of an unknown version" : "LibTorch " + torch.version) + " (" +
                            torch.path + (torch.loaded ? ", loaded already)" : ")");
  if (!required.version.empty() && (torch.version.empty() || !version_matches(torch.version, required.version)))
    return Status::error(Code::failed_precondition, "the plugin needs " + wanted, found, wanted,
                         "rebuild the plugin against the LibTorch that is there, or use the one it was built for");
  if (torch.cxx11_abi && *torch.cxx11_abi != required.cxx11_abi) {
    const auto abi = [](bool cxx11) { return std::string("_GLIBCXX_USE_CXX11_ABI=") + (cxx11 ? "1" : "0"); };
    return Status::error(Code::failed_precondition, "the plugin needs LibTorch with the C++ ABI " + abi(required.cxx11_abi),
                         found + " with " + abi(*torch.cxx11_abi), abi(required.cxx11_abi),
                         "rebuild the plugin against the LibTorch that is there");
  }
  return {};
}

}  // namespace fvattn
