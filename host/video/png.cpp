#include "video/png.hpp"

#include "common/atomic_file.hpp"

#include <png.h>

namespace fvattn::video {

Status write_png(const std::string& path, const Picture& picture) {
  // The simplified interface: errors come back as values, nothing jumps over destructors.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.size.width);
  image.height = static_cast<png_uint_32>(picture.size.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string encoded(bytes, '\0');
  if (png_image_write_to_memory(&image, encoded.data(), &bytes, 0, picture.rgb.data(), 0, nullptr) == 0)
    return Status::error(Code::internal, "libpng cannot encode " + path + ": " + image.message);
  encoded.resize(bytes);
  return host::write_file(path, encoded);
}

}  // namespace fvattn::video
