#include "video/ffmpeg_clip.hpp"

#include <cstdio>
#include <filesystem>

namespace fvattn::video {
namespace {

Status cannot_decode(const std::string& path, const FfmpegProcess& process) {
  const std::string complaint = process.complaint();
  return Status::error(Code::failed_precondition,
                       "cannot decode " + path + (complaint.empty() ? "" : ": ffmpeg says: " + complaint), {},
                       "a clip that the program ffmpeg reads");
}

std::vector<std::string> decoding(const ClipRequest& request, int64_t frames, const char* format) {
  std::vector<std::string> arguments = ffmpeg_input(request.name);
  for (const char* argument : {"-map", "0:v:0", "-an", "-sn"}) arguments.emplace_back(argument);
  if (request.size) {
    arguments.emplace_back("-vf");
    arguments.push_back("scale=" + std::to_string(request.size->width) + ":" + std::to_string(request.size->height) +
                        ",setsar=1");
  }
  if (frames > 0) {
    arguments.emplace_back("-frames:v");
    arguments.push_back(std::to_string(frames));
  }
  arguments.emplace_back("-f");
  arguments.emplace_back(format);
  if (format == std::string("rawvideo")) {
    arguments.emplace_back("-pix_fmt");
    arguments.emplace_back("rgb24");
  } else {
    arguments.emplace_back("-pix_fmt");
    arguments.emplace_back("yuv420p");
  }
  arguments.emplace_back("-");
  return arguments;
}

// Size and rate from the header of one frame as y4m: what comes after scaling and rotation.
Status probe(const ClipRequest& request, ClipInfo& info) {
  Result<FfmpegProcess> process = FfmpegProcess::start(decoding(request, 1, "yuv4mpegpipe"));
  if (!process) return process.status();
  const std::string header = process->read_line();
  std::vector<char> rest(1 << 16);
  while (process->read(rest.data(), rest.size()) == rest.size()) {}
  const bool fine = process->succeeded();
  const size_t rate = header.find(" F");
  if (!fine || std::sscanf(header.c_str(), "YUV4MPEG2 W%d H%d", &info.size.width, &info.size.height) != 2 ||
      rate == std::string::npos)
    return cannot_decode(request.name, *process);
  std::sscanf(header.c_str() + rate, " F%d:%d", &info.rate_numerator, &info.rate_denominator);
  return {};
}

// Packets of the video stream, without decoding them.
Status count_frames(const ClipRequest& request, ClipInfo& info) {
  std::vector<std::string> arguments = ffmpeg_input(request.name);
  for (const char* argument : {"-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-"}) arguments.emplace_back(argument);
  Result<FfmpegProcess> process = FfmpegProcess::start(arguments);
  if (!process) return process.status();
  for (std::string line = process->read_line(); !line.empty(); line = process->read_line())
    if (line[0] != '#' && ++info.frames == request.frames) return {};
  return process->succeeded() ? Status{} : cannot_decode(request.name, *process);
}

}  // namespace

Result<std::unique_ptr<Clip>> FfmpegClip::open(const ClipRequest& request) {
  std::error_code trouble;
  const auto status = std::filesystem::status(request.name, trouble);
  if (!std::filesystem::exists(status) || std::filesystem::is_directory(status))
    return Status::error(Code::failed_precondition,
                         std::filesystem::exists(status) ? "the clip is a folder" : "there is no such clip", request.name,
                         "a file that the program ffmpeg reads, or the name 'generated'");
  ClipInfo info;
  if (Status probed = probe(request, info); !probed.ok()) return probed;
  if (Status counted = count_frames(request, info); !counted.ok()) return counted;
  Result<FfmpegProcess> process = FfmpegProcess::start(decoding(request, request.frames, "rawvideo"));
  if (!process) return process.status();
  return std::unique_ptr<Clip>(new FfmpegClip(request.name, info, std::move(*process)));
}

Result<std::optional<Frame>> FfmpegClip::next() {
  if (ended_) return std::optional<Frame>();
  Frame frame(info_.size);
  bytes_.resize(frame.rgb.size());
  const size_t got = process_.read(bytes_.data(), bytes_.size());
  if (got != bytes_.size()) {
    ended_ = true;
    if (!process_.succeeded() || got != 0) return cannot_decode(path_, process_);
    return std::optional<Frame>();
  }
  for (size_t i = 0; i < bytes_.size(); ++i) frame.rgb[i] = bytes_[i];
  return std::optional<Frame>(std::move(frame));
}

}  // namespace fvattn::video
