// Names and folders of what denoise writes.
#pragma once

#include "video/frame.hpp"

#include <fvattn/status.hpp>

#include <cstdint>
#include <string>

namespace fvattn::video {

/// `name` with everything but letters, digits, '_' and '-' replaced by '_': no backend's name leaves the output folder.
std::string file_name(const std::string& name);
/// Makes the folder and those above it. FAILED_PRECONDITION if that fails or it cannot be written to.
Status make_folder(const std::string& path);
/// `folder`/00042.png for frame 42, counted from 0.
Status write_frame(const std::string& folder, int64_t number, const Frame& frame);

}  // namespace fvattn::video
