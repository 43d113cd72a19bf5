// fvattn plugin new: copies the template and fills in the name.
#include "cli/builtins.hpp"
#include "common/atomic_file.hpp"
#include "common/paths.hpp"
#include "common/verb.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;
constexpr size_t kLongestName = 40;

// It becomes a file name, a CMake target, part of an id and, in capitals, the backend's name.
Status check_name(const std::string& name) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto fine = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  const bool good =
      !name.empty() && name.size() <= kLongestName && lower(name[0]) && std::all_of(name.begin(), name.end(), fine);
  if (!good)
    return Status::error(Code::invalid_argument,
                         "a plugin's name starts with a letter and has lower-case letters, digits and '_' only", name, {},
                         "for example fvattn plugin new mine");
  if (name == "torch" || name == "torch_ops")
    return Status::error(Code::invalid_argument, "the name is reserved: libfvattn_" + name + ".so is fvattn's own", name);
  return {};
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string filled(std::string text, const std::string& name) {
  std::string capitals = name;
  for (char& c : capitals)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return replaced(replaced(std::move(text), "@name@", name), "@NAME@", capitals);
}

Status copy_filled(const fs::path& from, const fs::path& to, const std::string& name) {
  std::ifstream in(from, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return Status::error(Code::failed_precondition, "cannot read the template", from.string());
  return write_file(to.string(), filled(text.str(), name));
}

Status make_plugin(const std::string& name, const fs::path& folder, std::vector<std::string>& written) {
  if (Status status = check_name(name); !status.ok()) return status;
  const fs::path source = fs::path(share_directory()) / "template";
  std::error_code trouble;
  if (share_directory().empty() || !fs::is_directory(source, trouble))
    return Status::error(Code::unavailable, "the template is not installed", source.string(), {},
                         "install the component sdk of fvattn");
  if (fs::exists(folder, trouble) && !fs::is_empty(folder, trouble))
    return Status::error(Code::failed_precondition, "the folder is there and not empty", folder.string(), {},
                         "name another: fvattn plugin new " + name + " DIR");
  const bool made = fs::create_directories(folder, trouble);
  if (trouble)
    return Status::error(Code::failed_precondition, "cannot make the folder: " + trouble.message(), folder.string());
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(source, trouble))
    if (entry.is_regular_file(trouble)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const fs::path to = folder / filled(file.filename().string(), name);
    if (Status status = copy_filled(file, to, name); !status.ok()) {
      // Half a plugin would have to be removed by hand before the next try.
      for (const std::string& half : written) fs::remove(half, trouble);
      if (made) fs::remove(folder, trouble);
      return status;
    }
    written.push_back(to.string());
  }
  return {};
}

}  // namespace

int plugin_new_verb(int argc, const char* const* argv) {
  std::string name, folder;
  Verb verb("fvattn plugin new", "Makes a folder with a new backend that builds and passes its own test with the SDK alone.",
            "fvattn plugin new mine\n  cmake -S mine -B mine/build -DCMAKE_PREFIX_PATH=<prefix of the SDK>");
  verb.app()
      .add_option("NAME", name, "Lower-case letters, digits and '_'; the backend becomes NAME_ATTN in capitals")
      ->required();
  verb.app().add_option("DIR", folder, "The folder to make (default: NAME)");
  return verb.run(argc, argv, [&]() -> Status {
    std::vector<std::string> written;
    const fs::path to = folder.empty() ? name : folder;
    if (Status status = make_plugin(name, to, written); !status.ok()) return status;
    if (verb.json()) {
      verb.print({{"folder", to.string()}, {"files", written}});
      return {};
    }
    for (const std::string& file : written) std::cout << "wrote " << file << '\n';
    std::cout << "next: cmake -S " << to.string() << " -B " << (to / "build").string()
              << " -DCMAKE_PREFIX_PATH=<prefix of the SDK> && cmake --build " << (to / "build").string()
              << " && ctest --test-dir " << (to / "build").string() << '\n';
    return {};
  });
}

}  // namespace fvattn::host
