#include "open_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace fvattn {
namespace {

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim) &&
         same_time(a.st_ctim, b.st_ctim);
}

Result<std::shared_ptr<OpenFile>> OpenFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0)
    return Status::error(Code::unavailable, "the file cannot be opened: " + std::string(std::strerror(errno)), path);
  struct stat status {};
  const bool known = fstat(descriptor, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string why = known ? "it is not a regular file" : std::strerror(errno);
    close(descriptor);
    return Status::error(Code::unavailable, "the file cannot be used: " + why, path);
  }
  return std::shared_ptr<OpenFile>(new OpenFile(path, descriptor, status));
}

OpenFile::~OpenFile() { close(descriptor_); }

bool OpenFile::unchanged() const {
  struct stat now {};
  return stat(path_.c_str(), &now) == 0 && same_file(now, stat_);
}

Result<std::string> OpenFile::text(uint64_t most) const {
  if (size() > most)
    return Status::error(Code::resource_exhausted, "the file is too long", std::to_string(size()) + " bytes",
                         "at most " + std::to_string(most));
  std::string content(size(), '\0');
  if (!read(0, content.data(), content.size())) return Status::error(Code::unavailable, "the file cannot be read", path_);
  return content;
}

bool OpenFile::copy(uint64_t offset, void* to, size_t bytes) const {
  auto* out = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor_, out, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace fvattn
