#include "video/denoise_options.hpp"

#include "video/clip.hpp"

#include "common/dtype_names.hpp"
#include "ranks/rank_device.hpp"

#include <fvattn/problem.hpp>

#include <torch/cuda.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

namespace fvattn::video {
namespace {

constexpr int kSmallest = 8, kLargest = 16384;  // pixels

at::ScalarType scalar_type(host::DtypeCode dtype) {
  if (dtype.code == FVATTN_DTYPE_BFLOAT) return at::kBFloat16;
  return dtype.bits == 64 ? at::kDouble : dtype.bits == 32 ? at::kFloat : at::kHalf;
}

}  // namespace

void DenoiseOptions::add_to(CLI::App& app) {
  app.add_option("clip", clip, "A clip that the program ffmpeg reads, or 'generated': a synthetic moving scene")
      ->type_name("CLIP")
      ->required();
  app.add_option("--backend", backend,
                 "NAME, id/NAME, A,B, prefer:NAME or auto; without it the environment decides, then automatic choice")
      ->type_name("NAME");
  app.add_option("--add-noise", noise,
                 "Add Gaussian noise of this sigma, in grey levels of 0 to 255; PSNR is against the clip itself")
      ->type_name("SIGMA")
      ->check(CLI::Range(0.0, 255.0));
  app.add_option("--seed", seed, "Of the noise; the same seed gives the same noise everywhere (0)")->type_name("N");
  app.add_option("--frames", frames, "Only the first N frames (all)")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--size", size_text_, "Scale the clip (its own size)")->type_name("WxH");
  parameter_options_.add_to(app);
  app.add_option("--device", device_text_, "cpu, cuda or cuda:i (cpu)")->type_name("DEVICE");
  app.add_option("--dtype", dtype_text_, "float64, float32, bfloat16 or float16 (float32 on the CPU, bfloat16 on a GPU)")
      ->type_name("T");
  app.add_option("--out", out, "Folder for frames, video and comparison sheet (the clip's name and -denoised)")
      ->type_name("DIR");
  app.add_option("--dump", dump,
                 "Write q, k and v of window i to DIR/i/0_0.safetensors, as run and sta search take them; denoise nothing")
      ->type_name("DIR")
      ->excludes("--backend")
      ->excludes("--out");
  app.add_option("--compare", compare_text_, "Several backends, each by itself: A,B,... or all that can serve")
      ->type_name("A,B|all")
      ->excludes("--dump");
  app.add_option("--window", window, "Frames that attend to each other; memory grows with it, not with the clip (8)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_option("--heads", heads, "Shifted patch grids whose results are averaged: 1, 4, 16 or 64 (16)")
      ->type_name("N")
      ->check(CLI::IsMember({1, 4, 16, 64}));
  app.add_option("--bandwidth", bandwidth,
                 "Patch distance at which a weight falls to exp(-1/2), in grey levels (from sigma)")
      ->type_name("H")
      ->check(CLI::Range(1e-3, 1e6));
}

Status DenoiseOptions::complete(const Launch& launch) {
  Status status = read_size();
  if (status.ok()) status = read_comparison();
  if (status.ok()) status = read_device(launch);
  if (!status.ok()) return status;
  Result<KeyValues> given = parameter_options_.read();
  if (!given) return given.status();
  parameters = std::move(*given);
  if (noise && *noise == 0) noise.reset();
  if (out.empty()) out = std::filesystem::path(clip).stem().string() + "-denoised";
  return {};
}

Status DenoiseOptions::read_size() {
  if (size_text_.empty()) return {};
  Size parsed;
  int end = 0;
  const bool fits = std::sscanf(size_text_.c_str(), "%5dx%5d%n", &parsed.width, &parsed.height, &end) == 2 &&
                    end == static_cast<int>(size_text_.size()) && std::min(parsed.width, parsed.height) >= kSmallest &&
                    std::max(parsed.width, parsed.height) <= kLargest;
  if (!fits)
    return Status::error(Code::invalid_argument, "--size", "'" + size_text_ + "'",
                         "WxH in pixels, 8x8 to 16384x16384, for example 320x136");
  size = parsed;
  return {};
}

Status DenoiseOptions::read_comparison() {
  if (compare_text_.empty()) return {};
  if (!backend.empty())
    return Status::error(Code::invalid_argument, "--backend and --compare exclude each other", {}, {},
                         "name the backends in --compare");
  compares = true;
  compares_all = compare_text_ == "all";
  if (compares_all) return {};
  for (size_t from = 0; from <= compare_text_.size();) {
    const size_t comma = std::min(compare_text_.find(',', from), compare_text_.size());
    compared.push_back(compare_text_.substr(from, comma - from));
    from = comma + 1;
    if (compared.back().empty() || std::count(compared.begin(), compared.end(), compared.back()) > 1)
      return Status::error(Code::invalid_argument, "--compare", "'" + compare_text_ + "'",
                           "names, each once, with commas between, or all");
  }
  return {};
}

Status DenoiseOptions::read_device(const Launch& launch) {
  Result<const Device*> found = host::device_of_rank(device_text_, launch);
  if (!found) return found.status();
  core_device = *found;
  const bool cuda = core_device->c.type == FVATTN_CUDA;
  if (cuda && !torch::cuda::is_available())
    return Status::error(Code::unavailable, "LibTorch cannot use CUDA here", device_text_, "cpu");
  device = host::torch_device(*core_device);
  host::use_device(device);
  Result<host::DtypeCode> code =
      host::dtype_by_name(dtype_text_.empty() ? (cuda ? "bfloat16" : "float32") : dtype_text_, "--dtype");
  if (!code) return code.status();
  dtype = scalar_type(*code);
  dtype_name = fvattn::dtype_name(code->code, code->bits);
  return {};
}

}  // namespace fvattn::video
