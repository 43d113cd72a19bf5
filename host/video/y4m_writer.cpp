#include "video/y4m_writer.hpp"

#include <algorithm>

namespace fvattn::video {
namespace {

constexpr float kMatrix[3][3] = {{65.481F, 128.553F, 24.966F}, {-37.797F, -74.203F, 112.0F}, {112.0F, -93.786F, -18.214F}};
constexpr float kOffset[3] = {16, 128, 128};

}  // namespace

Result<Y4mWriter> Y4mWriter::create(const std::string& path, const ClipInfo& info) {
  Result<host::AtomicFile> file = host::AtomicFile::create(path);
  if (!file) return file.status();
  Y4mWriter writer(std::move(*file));
  const std::string header = "YUV4MPEG2 W" + std::to_string(info.size.width) + " H" + std::to_string(info.size.height) +
                             " F" + std::to_string(info.rate_numerator) + ":" + std::to_string(info.rate_denominator) +
                             " Ip A1:1 C444 XCOLORRANGE=LIMITED\n";
  if (Status written = writer.file_.write(header); !written.ok()) return written;
  return writer;
}

Status Y4mWriter::write(const Frame& frame) {
  constexpr std::string_view kFrame = "FRAME\n";
  const size_t pixels = frame.rgb.size() / 3;
  planes_.resize(kFrame.size() + 3 * pixels);
  std::copy(kFrame.begin(), kFrame.end(), planes_.begin());
  for (size_t i = 0; i < pixels; ++i) {
    float rgb[3];
    for (size_t c = 0; c < 3; ++c) rgb[c] = std::clamp(frame.rgb[3 * i + c], 0.0F, 255.0F) / 255;
    for (size_t p = 0; p < 3; ++p)
      planes_[kFrame.size() + p * pixels + i] =
          static_cast<char>(to_byte(kOffset[p] + kMatrix[p][0] * rgb[0] + kMatrix[p][1] * rgb[1] + kMatrix[p][2] * rgb[2]));
  }
  return file_.write(planes_);
}

}  // namespace fvattn::video
