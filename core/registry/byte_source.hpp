// Bytes that may be a file or memory, read by offset with every bound checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fvattn {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  /// Copies [offset, offset + bytes) to `to`; false, with `to` undefined, when that is not wholly inside.
  bool read(uint64_t offset, void* to, size_t bytes) const {
    if (offset > size() || bytes > size() - offset) return false;
    return bytes == 0 || copy(offset, to, bytes);
  }

 private:
  virtual bool copy(uint64_t offset, void* to, size_t bytes) const = 0;
};

/// Views memory that outlives it.
class MemoryBytes final : public ByteSource {
 public:
  explicit MemoryBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }

 private:
  bool copy(uint64_t offset, void* to, size_t bytes) const override;
  std::span<const std::byte> bytes_;
};

}  // namespace fvattn
