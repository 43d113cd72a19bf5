#include "io/safetensors/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fvattn::host::safetensors {
namespace {

constexpr size_t kLargestRead = size_t{1} << 30;

Status failure(const std::string& path, const std::string& what, std::string got = {}) {
  return Status::error(Code::failed_precondition, path + ": " + what, std::move(got));
}

Status read_at(const std::string& path, int descriptor, void* memory, uint64_t bytes, uint64_t offset) {
  char* next = static_cast<char*>(memory);
  while (bytes > 0) {
    const ssize_t got = pread(descriptor, next, std::min<uint64_t>(bytes, kLargestRead), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(path, std::string("cannot read: ") + std::strerror(errno));
    if (got == 0) return failure(path, "the file is cut short");
    next += got;
    bytes -= static_cast<uint64_t>(got);
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

}  // namespace

Result<Reader> Reader::open(const std::string& path) {
  Reader reader;
  reader.path_ = path;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failure(path, std::string("cannot open: ") + std::strerror(errno));
  reader.descriptor_ = std::shared_ptr<const int>(new int(descriptor), [](const int* held) {
    close(*held);
    delete held;
  });
  struct stat info {};
  if (fstat(descriptor, &info) != 0) return failure(path, std::string("cannot read: ") + std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return failure(path, S_ISDIR(info.st_mode) ? "this is a folder, not a file" : "this is not a regular file");
  const uint64_t size = static_cast<uint64_t>(info.st_size);

  unsigned char prefix[8];
  if (size < sizeof(prefix)) return failure(path, "too short for a safetensors file", std::to_string(size) + " bytes");
  if (Status status = read_at(path, descriptor, prefix, sizeof(prefix), 0); !status.ok()) return status;
  uint64_t length = 0;
  for (size_t i = 0; i < sizeof(prefix); ++i) length |= static_cast<uint64_t>(prefix[i]) << (8 * i);
  if (length > kLargestHeader || length > size - sizeof(prefix))
    return failure(path, "this is not a safetensors file, or it is cut short: the header's length does not fit",
                   std::to_string(length) + " bytes");
  std::string json(length, '\0');
  if (Status status = read_at(path, descriptor, json.data(), length, sizeof(prefix)); !status.ok()) return status;
  reader.data_start_ = sizeof(prefix) + length;
  Result<Header> header = parse_header(json, size - reader.data_start_, path);
  if (!header) return header.status();
  reader.header_ = std::move(*header);
  return reader;
}

const Entry* Reader::find(std::string_view name) const {
  const auto found =
      std::find_if(entries().begin(), entries().end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries().end() ? nullptr : &*found;
}

Status Reader::read(const Entry& entry, void* memory) const {
  return read_at(path_, *descriptor_, memory, entry.bytes, data_start_ + entry.offset);
}

}  // namespace fvattn::host::safetensors
