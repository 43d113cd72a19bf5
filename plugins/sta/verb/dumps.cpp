#include "dumps.hpp"

#include "cli/child_process.hpp"
#include "common/json.hpp"
#include "common/paths.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace fvattn::sta {
namespace {

namespace fs = std::filesystem;

/// "<step>_<layer>.safetensors"
bool parse_name(const std::string& name, Dump& dump) {
  const char *at = name.data(), *end = at + name.size();
  const auto step = std::from_chars(at, end, dump.step);
  if (step.ec != std::errc() || step.ptr == end || *step.ptr != '_' || dump.step < 0) return false;
  const auto layer = std::from_chars(step.ptr + 1, end, dump.layer);
  return layer.ec == std::errc() && dump.layer >= 0 && std::string_view(layer.ptr, end) == ".safetensors";
}

}  // namespace

Result<std::vector<Dump>> dumps_in(const std::string& folder) {
  std::error_code trouble;
  std::vector<Dump> dumps;
  for (const auto& entry : fs::directory_iterator(folder, trouble)) {
    Dump dump{0, 0, entry.path().string()};
    if (parse_name(entry.path().filename().string(), dump)) dumps.push_back(dump);
  }
  if (trouble) return Status::error(Code::failed_precondition, "the folder cannot be read: " + trouble.message(), folder);
  std::sort(dumps.begin(), dumps.end(),
            [](const Dump& a, const Dump& b) { return std::pair(a.step, a.layer) < std::pair(b.step, b.layer); });
  int layers = 0;
  for (const Dump& dump : dumps) layers = std::max(layers, dump.layer + 1);
  for (size_t i = 0; i < dumps.size(); ++i)
    if (std::pair(dumps[i].step, dumps[i].layer) != std::pair(static_cast<int>(i) / layers, static_cast<int>(i) % layers))
      return Status::error(Code::failed_precondition, "a dump is missing before " + dumps[i].path, folder,
                           "every step from 0 with every layer from 0");
  if (dumps.empty() || dumps.size() % static_cast<size_t>(layers) != 0)
    return Status::error(Code::failed_precondition, dumps.empty() ? "the folder has no dumps" : "the last step lacks layers",
                         folder, "files <step>_<layer>.safetensors with q, k, v (and text_q, text_k, text_v)");
  return dumps;
}

void ClipRequest::add_to(CLI::App& app) {
  app.add_option("clip", clip_,
                 "A clip as `fvattn denoise` takes it: its attention is searched, a result a window of frames")
      ->type_name("CLIP");
  const auto add = [&](const char* name, std::string& value, const char* type, const char* text) {
    app.add_option(name, value, std::string(text) + ", as denoise takes it")->type_name(type)->needs("clip");
  };
  add("--size", size_, "WxH", "Scale of the clip");
  add("--frames", frames_, "N", "How many frames");
  add("--window", window_, "N", "Frames that attend to each other");
  add("--heads", heads_, "N", "Shifted patch grids");
  add("--add-noise", noise_, "SIGMA", "Noise to add");
  add("--seed", seed_, "N", "The noise's seed");
}

std::string ClipRequest::name() const { return fs::path(clip_).stem().string(); }

Result<ClipRequest::Dumps> ClipRequest::dump_into(const std::string& folder, const std::string& device,
                                                  int timeout_s) const {
  std::vector<std::string> words{host::libexec_directory() + "/fvattn-denoise", "--dump", folder, "--device", device,
                                 "--json"};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {std::string(name) + "=" + value});
  };
  add("--size", size_);
  add("--frames", frames_);
  add("--window", window_);
  add("--heads", heads_);
  add("--add-noise", noise_);
  add("--seed", seed_);
  words.push_back(clip_.starts_with("-") ? "./" + clip_ : clip_);
  const auto child = host::run_child(words, timeout_s);
  if (!child) return child.status();
  const host::Json said = host::Json::parse(child->output, nullptr, false);
  if (child->exit_code != 0 || !said.contains("files"))
    return Status::error(Code::failed_precondition,
                         child->timed_out ? "`fvattn denoise` took too long" : "`fvattn denoise --dump` failed on this clip",
                         clip_);
  Dumps dumps;
  for (const host::Json& file : said["files"]) dumps.folders.push_back(fs::path(file.get<std::string>()).parent_path());
  const auto grid = said["dit_seq_shape"].get<std::vector<int>>();
  std::copy_n(grid.begin(), 3, dumps.tokens.begin());
  return dumps;
}

}  // namespace fvattn::sta
