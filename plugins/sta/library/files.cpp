#include "files.hpp"

#include <fvattn/sta/error.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <unistd.h>

namespace fvattn::sta {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

[[noreturn]] void refuse(const std::string& path, const char* what, int error) {
  throw StaError(path + " cannot be " + what + ": " + std::strerror(error));
}

}  // namespace

std::string read_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) refuse(path, "read", errno);
  std::string text;
  char block[1 << 16];
  size_t n = 0;
  while ((n = std::fread(block, 1, sizeof block, file.get())) > 0) text.append(block, n);
  if (std::ferror(file.get())) refuse(path, "read", errno);
  return text;
}

void write_file(const std::string& path, std::string_view text) {
  const std::filesystem::path target(path);
  std::error_code trouble;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), trouble);
  if (trouble) refuse(path, "written", trouble.value());
  const std::string part = path + ".part" + std::to_string(getpid());
  File file(std::fopen(part.c_str(), "wb"), std::fclose);
  if (!file) refuse(path, "written", errno);
  bool whole = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  whole = std::fclose(file.release()) == 0 && whole;
  if (whole && std::rename(part.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  std::remove(part.c_str());
  refuse(path, "written", error);
}

}  // namespace fvattn::sta
