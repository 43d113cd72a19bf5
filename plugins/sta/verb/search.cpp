#include "dumps.hpp"
#include "verbs.hpp"

#include "cli/child_process.hpp"
#include "common/paths.hpp"
#include "common/verb.hpp"
#include "io/safetensors/reader.hpp"

#include <fvattn/sta/search_results.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <unistd.h>

namespace fvattn::sta {
namespace {

namespace fs = std::filesystem;
using host::safetensors::Reader;

struct Options {
  ClipRequest clip;
  std::string dumps, tokens, tile = "6,8,8", prompt, out = "output/mask_search_result/", device = "cpu";
  std::vector<std::string> candidates;
  bool negative = false;
  int timeout_s = 3600;
};

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

/// Gone with what is in it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& parent) : path_(parent + "/.clip-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Search {
 public:
  Search(const Options& options, host::Verb& verb) : o_(options), verb_(verb) {}

  Status run() {
    const auto tile = window_option("--tile", o_.tile);
    if (!tile) return tile.status();
    std::string candidates;
    for (const std::string& text : o_.candidates) {
      const auto window = window_option("--candidate", text);
      if (!window) return window.status();
      candidates += (candidates.empty() ? "[" : ",") + list_text(*window);
    }
    parameters_ = {"STA_mode=STA_searching", "mask_candidates=" + candidates + "]", "tile_size=" + list_text(*tile),
                   std::string("is_cfg_negative=") + (o_.negative ? "true" : "false")};
    std::error_code trouble;
    fs::create_directories(o_.out, trouble);
    if (trouble) return Status::error(Code::failed_precondition, "the folder cannot be made: " + trouble.message(), o_.out);
    if (Status status = o_.clip.clip().empty() ? of_dumps() : of_clip(); !status.ok()) return status;
    if (verb_.json()) verb_.print({{"results", results_}, {"calls", calls_}, {"dit_seq_shape", tokens_}});
    else std::cout << report_.str();
    return {};
  }

 private:
  Status of_dumps() {
    const auto tokens = window_option("--tokens", o_.tokens);
    if (!tokens) return tokens.status();
    tokens_ = *tokens;
    return folder(o_.dumps, o_.prompt.empty() ? "dump" : o_.prompt);
  }

  // Each window of frames is a result of its own, as a prompt is in the reference; tuning takes their mean.
  Status of_clip() {
    const TemporaryFolder below(o_.out);
    const auto dumps = o_.clip.dump_into(below.path(), o_.device, o_.timeout_s);
    if (!dumps) return dumps.status();
    tokens_ = dumps->tokens;
    parameters_.push_back("softmax_scale=1");
    const std::string prompt = o_.prompt.empty() ? o_.clip.name() : o_.prompt;
    for (size_t i = 0; i < dumps->folders.size(); ++i)
      if (Status status = folder(dumps->folders[i], std::to_string(i) + "-" + prompt); !status.ok()) return status;
    return {};
  }

  Status folder(const std::string& folder, const std::string& prompt) {
    const auto dumps = dumps_in(folder);
    if (!dumps) return dumps.status();
    std::vector<std::string> parameters = parameters_;
    parameters.push_back("dit_seq_shape=" + list_text(tokens_));
    SearchRecorder recorder;
    for (const Dump& dump : *dumps) {
      const auto losses = losses_of(dump, o_, parameters);
      if (!losses) return losses.status();
      recorder.record(dump.step, dump.layer, *losses, o_.negative);
      ++calls_;
      if (!verb_.json()) std::cout << prompt << ": step " << dump.step << ", layer " << dump.layer << std::endl;
    }
    const auto path = save_mask_search_results(o_.negative ? recorder.negative() : recorder.positive(), prompt,
                                               o_.candidates, o_.out, report_);
    results_.push_back(*path);
    return {};
  }

  const Options& o_;
  host::Verb& verb_;
  std::vector<std::string> parameters_, results_;
  Window tokens_{};
  size_t calls_ = 0;
  std::ostringstream report_;
};

}  // namespace

int search_verb(int argc, const char* const* argv) {
  host::Verb verb("fvattn sta search",
                  "Compares candidate windows with full attention, head by head, on a clip or on dumped q, k, v",
                  "fvattn sta search clip.mp4 --add-noise 25 --candidate 3,1,3 --candidate 1,3,3 --out results\n"
                  "  fvattn sta search --dumps dumps --tokens 18,48,80 --candidate 3,1,10 --candidate 3,3,3 --out results");
  Options o;
  CLI::App& app = verb.app();
  o.clip.add_to(app);
  app.add_option("--dumps", o.dumps, "Folder of <step>_<layer>.safetensors with q, k, v as `fvattn run` takes them")
      ->excludes("clip");
  app.add_option("--tokens", o.tokens, "The token grid T,H,W of the dumps")->needs("--dumps");
  app.add_option("--candidate", o.candidates, "A window t,h,w in tiles; several times")->required();
  app.add_option("--tile", o.tile, "Tokens of a tile, t,h,w")->capture_default_str();
  app.add_option("--prompt", o.prompt, "Names the files of results (the clip's name, or dump)");
  app.add_option("--out", o.out, "Folder for the results")->capture_default_str();
  app.add_option("--device", o.device, "cpu or cuda[:i]")->capture_default_str();
  app.add_option("--timeout", o.timeout_s, "Seconds that one call may take")->capture_default_str();
  app.add_flag("--negative", o.negative, "The dumps are of negative guidance");
  return verb.run(argc, argv, [&]() -> Status {
    if (o.dumps.empty() == o.clip.clip().empty() || o.dumps.empty() != o.tokens.empty())
      return Status::error(Code::invalid_argument, "nothing to search on, or too much", {},
                           "a clip, or --dumps and --tokens");
    return guarded([&] { return Search(o, verb).run(); });
  });
}

}  // namespace fvattn::sta
