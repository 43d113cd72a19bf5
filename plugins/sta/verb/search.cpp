#include "verbs.hpp"

#include "cli/child_process.hpp"
#include "common/paths.hpp"
#include "common/verb.hpp"
#include "io/safetensors/reader.hpp"

#include <fvattn/sta/search_results.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace fvattn::sta {
namespace {

namespace fs = std::filesystem;
using host::safetensors::Reader;

struct Options {
  std::string dumps, tokens, tile = "6,8,8", prompt = "dump", out = "output/mask_search_result/", device = "cpu";
  std::vector<std::string> candidates;
  bool negative = false;
  int timeout_s = 3600;
};

struct Dump {
  int step, layer;
  std::string path;
};

/// "<step>_<layer>.safetensors"
bool parse_name(const std::string& name, Dump& dump) {
  const char *at = name.data(), *end = at + name.size();
  const auto step = std::from_chars(at, end, dump.step);
  if (step.ec != std::errc() || step.ptr == end || *step.ptr != '_' || dump.step < 0) return false;
  const auto layer = std::from_chars(step.ptr + 1, end, dump.layer);
  return layer.ec == std::errc() && dump.layer >= 0 && std::string_view(layer.ptr, end) == ".safetensors";
}

/// Every step of 0 .. T - 1 with every layer of 0 .. L - 1.
Result<std::vector<Dump>> dumps_of(const std::string& folder) {
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

std::string list_text(const Window& w) {
  std::string key = window_key(w);
  key.erase(std::remove(key.begin(), key.end(), ' '), key.end());
  return key;
}

Result<std::vector<std::vector<double>>> losses_in(const Reader& file, const char* name) {
  const auto* entry = file.find(name);
  if (!entry || entry->shape.size() != 2)
    return Status::error(Code::internal, "`fvattn run` gave no " + std::string(name), file.path());
  std::vector<double> all(static_cast<size_t>(entry->shape[0] * entry->shape[1]));
  if (entry->bytes != all.size() * sizeof(double))
    return Status::error(Code::internal, std::string(name) + " is not float64", file.path());
  if (Status status = file.read(*entry, all.data()); !status.ok()) return status;
  std::vector<std::vector<double>> rows;
  for (int64_t i = 0; i < entry->shape[0]; ++i)
    rows.emplace_back(all.begin() + i * entry->shape[1], all.begin() + (i + 1) * entry->shape[1]);
  return rows;
}

/// One call of `fvattn run` in searching mode.
Result<LayerLosses> losses_of(const Dump& dump, const Options& o, const std::vector<std::string>& parameters) {
  const std::string output = (fs::path(o.out) / (".search" + std::to_string(getpid()) + ".safetensors")).string();
  std::vector<std::string> words{host::libexec_directory() + "/fvattn-run", "--backend", "SLIDING_TILE_ATTN", "--input",
                                 dump.path, "--output", output, "--device", o.device, "--json"};
  for (const std::string& parameter : parameters) words.insert(words.end(), {"--param", parameter});
  const auto child = host::run_child(words, o.timeout_s);
  if (!child) return child.status();
  if (child->exit_code != 0)
    return Status::error(Code::failed_precondition,
                         child->timed_out ? "`fvattn run` took too long" : "`fvattn run` failed on this dump", dump.path);
  const auto file = Reader::open(output);
  std::remove(output.c_str());
  if (!file) return file.status();
  auto l2 = losses_in(*file, "l2_loss"), l1 = losses_in(*file, "l1_loss");
  if (!l2) return l2.status();
  if (!l1) return l1.status();
  return LayerLosses{std::move(*l2), std::move(*l1)};
}

Status search(const Options& o, host::Verb& verb) {
  const auto tokens = window_option("--tokens", o.tokens), tile = window_option("--tile", o.tile);
  if (!tokens) return tokens.status();
  if (!tile) return tile.status();
  std::string candidates;
  for (const std::string& text : o.candidates) {
    const auto window = window_option("--candidate", text);
    if (!window) return window.status();
    candidates += (candidates.empty() ? "[" : ",") + list_text(*window);
  }
  const auto dumps = dumps_of(o.dumps);
  if (!dumps) return dumps.status();
  std::error_code trouble;
  fs::create_directories(o.out, trouble);
  if (trouble) return Status::error(Code::failed_precondition, "the folder cannot be made: " + trouble.message(), o.out);
  const std::vector<std::string> parameters{"STA_mode=STA_searching", "mask_candidates=" + candidates + "]",
                                            "dit_seq_shape=" + list_text(*tokens), "tile_size=" + list_text(*tile),
                                            std::string("is_cfg_negative=") + (o.negative ? "true" : "false")};
  SearchRecorder recorder;
  for (const Dump& dump : *dumps) {
    const auto losses = losses_of(dump, o, parameters);
    if (!losses) return losses.status();
    recorder.record(dump.step, dump.layer, *losses, o.negative);
    if (!verb.json()) std::cout << "step " << dump.step << ", layer " << dump.layer << std::endl;
  }
  std::ostringstream report;
  const auto path = save_mask_search_results(o.negative ? recorder.negative() : recorder.positive(), o.prompt, o.candidates,
                                             o.out, report);
  if (verb.json()) verb.print({{"results", *path}, {"calls", dumps->size()}});
  else std::cout << report.str();
  return {};
}

}  // namespace

int search_verb(int argc, const char* const* argv) {
  host::Verb verb("fvattn sta search", "Compares candidate windows with full attention, head by head, on dumped q, k, v",
                  "fvattn sta search --dumps dumps --tokens 18,48,80 --candidate 3,1,10 --candidate 3,3,3 --out results");
  Options o;
  CLI::App& app = verb.app();
  app.add_option("--dumps", o.dumps, "Folder of <step>_<layer>.safetensors with q, k, v as `fvattn run` takes them")
      ->required();
  app.add_option("--tokens", o.tokens, "The token grid T,H,W")->required();
  app.add_option("--candidate", o.candidates, "A window t,h,w in tiles; several times")->required();
  app.add_option("--tile", o.tile, "Tokens of a tile, t,h,w")->capture_default_str();
  app.add_option("--prompt", o.prompt, "Names the file of results")->capture_default_str();
  app.add_option("--out", o.out, "Folder for the results")->capture_default_str();
  app.add_option("--device", o.device, "cpu or cuda[:i]")->capture_default_str();
  app.add_option("--timeout", o.timeout_s, "Seconds that one call may take")->capture_default_str();
  app.add_flag("--negative", o.negative, "The dumps are of negative guidance");
  return verb.run(argc, argv, [&] { return guarded([&] { return search(o, verb); }); });
}

}  // namespace fvattn::sta
