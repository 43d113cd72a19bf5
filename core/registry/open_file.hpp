// One file, opened once: what is checked, hashed and read is the same inode, whatever happens to its name.
#pragma once

#include "byte_source.hpp"

#include <fvattn/status.hpp>

#include <memory>
#include <string>
#include <sys/stat.h>

namespace fvattn {

/// Read by pread and not mapped: a mapped file that somebody truncates kills the reader with SIGBUS.
class OpenFile final : public ByteSource {
 public:
  /// A regular file; anything else is refused, before a pipe or a device could block.
  static Result<std::shared_ptr<OpenFile>> open(const std::string& path);
  ~OpenFile() override;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  uint64_t size() const override { return static_cast<uint64_t>(stat_.st_size); }
  const std::string& path() const { return path_; }
  /// As it was when opened.
  const struct stat& status() const { return stat_; }
  /// True while the name still leads to this inode, with the size and times it had when opened.
  bool unchanged() const;
  /// The whole content; RESOURCE_EXHAUSTED above `most` bytes.
  Result<std::string> text(uint64_t most) const;

 private:
  OpenFile(std::string path, int descriptor, const struct stat& status)
      : path_(std::move(path)), descriptor_(descriptor), stat_(status) {}
  bool copy(uint64_t offset, void* to, size_t bytes) const override;

  std::string path_;
  int descriptor_;
  struct stat stat_;
};

/// Same inode, size and times.
bool same_file(const struct stat& a, const struct stat& b);

}  // namespace fvattn
