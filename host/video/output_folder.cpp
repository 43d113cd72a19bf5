#include "video/output_folder.hpp"

#include "video/png.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace fvattn::video {

std::string file_name(const std::string& name) {
  std::string safe = name;
  std::replace_if(
      safe.begin(), safe.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '-'; }, '_');
  return safe;
}

Status make_folder(const std::string& path) {
  std::error_code trouble;
  std::filesystem::create_directories(path, trouble);
  if (!trouble && !std::filesystem::is_directory(path)) trouble = std::make_error_code(std::errc::not_a_directory);
  if (!trouble && access(path.c_str(), W_OK) != 0) trouble = std::error_code(errno, std::generic_category());
  if (!trouble) return {};
  return Status::error(Code::failed_precondition, "cannot write to the output folder: " + trouble.message(), path,
                       "a folder that can be made and written to", "choose one with --out");
}

Status write_frame(const std::string& folder, int64_t number, const Frame& frame) {
  char name[32];
  std::snprintf(name, sizeof(name), "/%05lld.png", static_cast<long long>(number));
  return write_png(folder + name, Picture(frame));
}

}  // namespace fvattn::video
