#include "video/token_dump.hpp"

#include "run/tensor_file.hpp"
#include "video/clip.hpp"
#include "video/frame_windows.hpp"
#include "video/noise_estimate.hpp"
#include "video/output_folder.hpp"
#include "video/window_tokens.hpp"

#include <fvattn/problem.hpp>

#include <cstdio>

namespace fvattn::video {
namespace {

std::string folder_of(const std::string& dump, size_t window) {
  char name[16];
  std::snprintf(name, sizeof name, "/%05zu", window);
  return dump + name;
}

}  // namespace

Result<TokenDump> dump_tokens(const DenoiseOptions& options) {
  auto clip = open_clip({options.clip, options.size, options.frames});
  if (!clip) return clip.status();
  GaussianNoise noise(options.noise.value_or(0), options.seed);
  FrameWindows windows(**clip, options.noise ? &noise : nullptr, options.window);
  TokenDump dump;
  for (;;) {
    const Result<const FrameWindow*> next = windows.next();
    if (!next) return next.status();
    if (*next == nullptr) break;
    const std::vector<Frame>& frames = (*next)->noisy;
    if (dump.files.empty())
      dump.bandwidth =
          options.bandwidth.value_or(default_bandwidth(options.noise ? *options.noise : estimate_noise(frames.front())));
    const WindowTokens tokens(frames, options.heads, dump.bandwidth, options.device, options.dtype);
    const PatchGrid& grid = tokens.grid();
    dump.grid = {grid.frames(), grid.rows(), grid.columns()};
    const std::string folder = folder_of(options.dump, dump.files.size()), file = folder + "/0_0.safetensors";
    if (Status made = make_folder(folder); !made.ok()) return made;
    const Status written = host::write_tensors(file, {{"q", tokens.q()}, {"k", tokens.k()}, {"v", tokens.v()}},
                                               {{"dit_seq_shape", to_string(Value(dump.grid))}, {"softmax_scale", "1"}});
    if (!written.ok()) return written;
    dump.files.push_back(file);
  }
  if (dump.files.empty()) return Status::error(Code::failed_precondition, "the clip has no frames", options.clip);
  return dump;
}

}  // namespace fvattn::video
