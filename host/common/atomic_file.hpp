// Output files that are complete or not there.
#pragma once

#include <fvattn/status.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace fvattn::host {

/// Written beside its name and renamed by commit(), so that readers, a full disk and a killed process never see half
/// of it. A symbolic link is followed; a device or pipe is written directly. Move-only; without commit() nothing stays.
/// Errors are FAILED_PRECONDITION (no such folder, no permission) or RESOURCE_EXHAUSTED (disk full, size limit).
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status write(const void* data, size_t bytes);
  Status write(std::string_view text) { return write(text.data(), text.size()); }
  /// Flushes to the disk and gives the file its name. Nothing can be written afterwards.
  Status commit();

 private:
  explicit AtomicFile(std::string path) : path_(std::move(path)) {}
  Status failure(const std::string& what, int error) const;

  std::string path_;       // as the user gave it, for messages
  std::string target_;     // where it goes; empty when written directly
  std::string temporary_;  // empty while the file has no name at all
  int descriptor_ = -1;
};

/// The whole of `text` as the file `path`.
Status write_file(const std::string& path, std::string_view text);

}  // namespace fvattn::host
