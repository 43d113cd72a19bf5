// Pictures as PNG files.
#pragma once

#include "video/picture.hpp"

#include <fvattn/status.hpp>

#include <string>

namespace fvattn::video {

/// Eight-bit RGB. The file is complete or not there; errors as AtomicFile's.
Status write_png(const std::string& path, const Picture& picture);

}  // namespace fvattn::video
