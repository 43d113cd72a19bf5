#include "video/denoise_report.hpp"

#include "common/table.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

namespace fvattn::video {
namespace {

using host::number_text;

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string decibels(const std::optional<double>& value) { return value ? fixed(*value, 2) + " dB" : "-"; }

std::string size_text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

double density(const PassResult& pass) {
  return pass.dense_pairs == 0 ? 0 : static_cast<double>(pass.attended_pairs) / static_cast<double>(pass.dense_pairs);
}

std::string pairs_text(const PassResult& pass) {
  return pass.described ? number_text(static_cast<double>(pass.attended_pairs) / 1e6) + " M" : "-";
}

std::string density_text(const PassResult& pass) { return pass.described ? fixed(100 * density(pass), 1) + " %" : "-"; }

std::string noise_text(const DenoiseOptions& options, const DenoiseSetup& setup) {
  if (setup.sigma_estimated)
    return "noise as it is, sigma estimated at " + number_text(setup.sigma, 3) + "; no clean clip, no PSNR";
  return "Gaussian noise of sigma " + number_text(setup.sigma) + " added, seed " + std::to_string(options.seed);
}

std::string gain_text(const PassResult& pass, const DenoiseResult& result) {
  return pass.psnr && result.psnr_noisy
             ? (*pass.psnr >= *result.psnr_noisy ? "+" : "") + fixed(*pass.psnr - *result.psnr_noisy, 2) + " dB"
             : "-";
}

host::Json number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? host::Json(*value) : host::Json(nullptr);
}

host::Json json_of(const PassResult& pass, const DenoiseResult& result) {
  host::Json json{{"backend", pass.backend}};
  if (!pass.skipped.empty()) {
    json["skipped"] = pass.skipped;
    return json;
  }
  json["plugin"] = pass.plugin;
  json["plugin_version"] = pass.plugin_version;
  json["chosen_by"] = pass.source;
  json["psnr"] = number_or_null(pass.psnr);
  json["gain"] = pass.psnr && result.psnr_noisy ? number_or_null(*pass.psnr - *result.psnr_noisy) : host::Json(nullptr);
  json["attention_seconds"] = pass.seconds;
  json["attended_pairs"] = pass.described ? host::Json(pass.attended_pairs) : host::Json(nullptr);
  json["density"] = pass.described ? host::Json(density(pass)) : host::Json(nullptr);
  json["unused_parameters"] = pass.unused_parameters;
  json["frames"] = pass.folder;
  json["video"] = pass.video;
  return json;
}

}  // namespace

void print_setup(std::ostream& out, const DenoiseOptions& options, const DenoiseSetup& setup) {
  const ClipInfo& clip = setup.clip;
  if (clip.generated) out << "clip       generated: a synthetic moving scene, not a real clip";
  else out << "clip       " << options.clip;
  out << ", " << size_text(clip.size) << ", " << clip.frames << " frames\n"
      << "noise      " << noise_text(options, setup) << "\n"
      << "method     non-local means as attention: 8x8 patches, " << options.heads << " heads (shifted grids), head dim "
      << WindowTokens::kHeadDim << ", " << PatchCodec::kFeatures << " DCT features, bandwidth "
      << number_text(setup.bandwidth, 3) << "\n"
      << "memory     bounded: works " << setup.window << " frames at a time, " << setup.grid[0] << "x" << setup.grid[1]
      << "x" << setup.grid[2] << " = " << setup.grid[0] * setup.grid[1] * setup.grid[2] << " tokens, "
      << host::bytes_text(static_cast<double>(setup.bytes)) << " of frames and tensors however long the clip is\n"
      << "device     " << options.device.str() << (options.device.is_cuda() ? " (" + options.core_device->name + ")" : "")
      << ", " << options.dtype_name << (setup.ranks > 1 ? ", " + std::to_string(setup.ranks) + " ranks" : "") << "\n"
      << std::endl;
}

void print_result(std::ostream& out, const DenoiseResult& result) {
  host::Table table(
      {"backend", "chosen by", ">PSNR noisy", ">denoised", ">gain", ">attention", ">attended pairs", ">density"});
  for (const PassResult& pass : result.passes)
    if (pass.skipped.empty())
      table.row({pass.backend, pass.source, decibels(result.psnr_noisy), decibels(pass.psnr), gain_text(pass, result),
                 number_text(pass.seconds, 3) + " s", pairs_text(pass), density_text(pass)});
  table.print(out);
  for (const PassResult& pass : result.passes) {
    if (!pass.skipped.empty()) out << "skipped    " << pass.backend << ": " << pass.skipped << "\n";
    else if (!pass.unused_parameters.empty())
      out << "note       " << pass.backend << " does not take " << host::joined(pass.unused_parameters) << "\n";
  }
  out << "\n"
      << result.frames << " frames in " << number_text(result.seconds, 3) << " s\n"
      << "sheet      " << result.sheet << "\n"
      << "frames     " << result.noisy_folder << "/\n";
  for (const PassResult& pass : result.passes)
    if (pass.skipped.empty()) out << "           " << pass.folder << "/ and " << pass.video << "\n";
}

host::Json json_of(const DenoiseOptions& options, const DenoiseResult& result) {
  const DenoiseSetup& setup = result.setup;
  host::Json backends = host::Json::array();
  for (const PassResult& pass : result.passes) backends.push_back(json_of(pass, result));
  return {
      {"clip",
       {{"name", options.clip},
        {"generated", setup.clip.generated},
        {"width", setup.clip.size.width},
        {"height", setup.clip.size.height},
        {"frames", result.frames}}},
      {"noise",
       {{"added", options.noise.has_value()},
        {"sigma", setup.sigma},
        {"sigma_estimated", setup.sigma_estimated},
        {"seed", options.seed}}},
      {"method",
       {{"patch", kPatch},
        {"heads", options.heads},
        {"head_dim", WindowTokens::kHeadDim},
        {"features", PatchCodec::kFeatures},
        {"bandwidth", setup.bandwidth},
        {"window", setup.window},
        {"dit_seq_shape", setup.grid},
        {"memory_bytes", setup.bytes}}},
      {"device", options.device.str()},
      {"dtype", options.dtype_name},
      {"ranks", setup.ranks},
      {"psnr_noisy", number_or_null(result.psnr_noisy)},
      {"backends", backends},
      {"seconds", result.seconds},
      {"files", {{"sheet", result.sheet}, {"noisy", result.noisy_folder}}},
  };
}

std::string sheet_title(const DenoiseOptions& options, const DenoiseResult& result) {
  std::ostringstream title;
  title << std::filesystem::path(options.clip).filename().string() << ", sigma " << number_text(result.setup.sigma, 3)
        << (result.setup.sigma_estimated ? " (estimated)" : "") << ", " << result.frames << " frames";
  if (result.psnr_noisy) title << ", noisy " << decibels(result.psnr_noisy);
  return title.str();
}

std::string sheet_caption(const PassResult& pass) {
  std::string caption = pass.backend + ": ";
  if (pass.psnr) caption += decibels(pass.psnr) + ", ";
  caption += number_text(pass.seconds, 3) + " s";
  if (pass.described) caption += ", density " + density_text(pass);
  return caption;
}

}  // namespace fvattn::video
