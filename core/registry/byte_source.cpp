#include "byte_source.hpp"

#include <cstring>

namespace fvattn {

bool MemoryBytes::copy(uint64_t offset, void* to, size_t bytes) const {
  std::memcpy(to, bytes_.data() + offset, bytes);
  return true;
}

}  // namespace fvattn
