#include "common/atomic_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;
constexpr size_t kLargestWrite = size_t{1} << 30;

std::string temporary_name(const fs::path& target) {
  static int counter = 0;
  return (target.parent_path() /
          ("." + target.filename().string() + ".partial-" + std::to_string(getpid()) + "-" + std::to_string(counter++)))
      .string();
}

// A link's own target; the path itself when it is none.
fs::path followed(const fs::path& path) {
  std::error_code trouble;
  if (!fs::is_symlink(path, trouble)) return path;
  const fs::path real = fs::weakly_canonical(path, trouble);
  return trouble ? path : real;
}

}  // namespace

Status AtomicFile::failure(const std::string& what, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return Status::error(full ? Code::resource_exhausted : Code::failed_precondition, what + ": " + std::strerror(error),
                       path_, {}, full ? "free some space or write elsewhere; nothing was left behind" : std::string());
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file(path);
  if (path.empty()) return Status::error(Code::invalid_argument, "an output file needs a name", "an empty one");
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  if (there && S_ISDIR(info.st_mode)) return file.failure("cannot write a file", EISDIR);
  if (there && !S_ISREG(info.st_mode)) {
    file.descriptor_ = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.descriptor_ < 0) return file.failure("cannot open for writing", errno);
    return file;
  }
  if (there && access(path.c_str(), W_OK) != 0) return file.failure("cannot replace a file that is not writable", errno);
  const fs::path target = fs::absolute(followed(path));
  file.target_ = target.string();
  // A file without a name vanishes with the process, however that ends.
  file.descriptor_ = open(target.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (file.descriptor_ < 0) {
    file.temporary_ = temporary_name(target);
    file.descriptor_ = open(file.temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  }
  if (file.descriptor_ >= 0) return file;
  file.temporary_.clear();
  return file.failure("cannot create a file in folder " + target.parent_path().string(), errno);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {
  other.temporary_.clear();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status AtomicFile::write(const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, std::min(bytes, kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure("cannot write", written < 0 ? errno : ENOSPC);
    next += written;
    bytes -= static_cast<size_t>(written);
  }
  return {};
}

Status AtomicFile::commit() {
  if (target_.empty()) {
    const int closed = close(std::exchange(descriptor_, -1));
    return closed == 0 ? Status{} : failure("cannot write", errno);
  }
  if (fsync(descriptor_) != 0) return failure("cannot flush to the disk", errno);
  if (temporary_.empty()) {
    temporary_ = temporary_name(target_);
    const std::string self = "/proc/self/fd/" + std::to_string(descriptor_);
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      const int error = errno;
      temporary_.clear();
      return failure("cannot name the file", error);
    }
  }
  if (close(std::exchange(descriptor_, -1)) != 0) return failure("cannot close", errno);
  if (rename(temporary_.c_str(), target_.c_str()) != 0) return failure("cannot rename to its final name", errno);
  temporary_.clear();
  // The name is on the disk only after its folder is.
  if (const int folder = open(fs::path(target_).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    fsync(folder);
    close(folder);
  }
  return {};
}

Status write_file(const std::string& path, std::string_view text) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file) return file.status();
  if (Status written = file->write(text); !written.ok()) return written;
  return file->commit();
}

}  // namespace fvattn::host
