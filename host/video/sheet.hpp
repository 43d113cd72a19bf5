// The comparison sheet: noisy, denoised and difference, one row for each backend.
#pragma once

#include "video/picture.hpp"

#include <string>
#include <vector>

namespace fvattn::video {

struct SheetRow {
  std::string caption;
  Frame denoised;
};

struct SheetContent {
  std::string title;
  Frame noisy, reference;      // the difference is to `reference`
  std::string reference_name;  // "clean" or "noisy"
  std::vector<SheetRow> rows;
};

/// The difference is drawn four times enlarged around middle grey.
Picture make_sheet(const SheetContent& content);

}  // namespace fvattn::video
