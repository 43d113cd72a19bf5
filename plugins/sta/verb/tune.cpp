#include "verbs.hpp"

#include "common/verb.hpp"

#include <fvattn/sta/configuration.hpp>

#include <filesystem>
#include <iostream>
#include <sstream>

namespace fvattn::sta {
namespace {

struct Options {
  std::string results, negative, full, out = "mask_candidates";
  std::vector<std::string> candidates;
  int skip = 12, steps = 0, layers = 0, heads = 0;
};

void add_to(CLI::App& app, Options& o) {
  app.add_option("--results", o.results, "Folder with the files of a search")->required();
  app.add_option("--negative", o.negative, "Folder with those of negative guidance; both count");
  app.add_option("--candidate", o.candidates, "A window t,h,w to choose from; by default all that the files have");
  app.add_option("--full", o.full, "The full window t,h,w; by default the last candidate, which is then not chosen");
  app.add_option("--skip", o.skip, "The first steps, which stay full")->capture_default_str();
  app.add_option("--out", o.out, "Folder for mask_strategy_s<skip>.json")->capture_default_str();
}

/// From the files: the candidates in order of their names, and the shape of the tables.
Status complete(Options& o) {
  const std::vector<LossTables> files = read_specific_json_files(o.results);
  if (files.empty() || files[0].l2_loss.empty())
    return Status::error(Code::failed_precondition, "the folder has no search results", o.results,
                         "files mask*.json as `fvattn sta search` writes them");
  if (o.candidates.empty())
    for (const auto& [key, table] : files[0].l2_loss)
      if (o.full.empty() || parse_window(key.substr(1, key.size() - 2)) != parse_window(o.full))
        o.candidates.push_back(key.substr(1, key.size() - 2));
  const LossTable& table = files[0].l2_loss.begin()->second;
  o.steps = static_cast<int>(table.size());
  o.layers = table.empty() ? 0 : static_cast<int>(table[0].size());
  o.heads = o.layers == 0 ? 0 : static_cast<int>(table[0][0].size());
  return {};
}

host::Json json_of(const WindowList3d& list, const Window& full, const std::string& path) {
  std::map<std::string, int64_t> usage;
  double chosen = 0, entries = 0;
  for (const auto& layers : list)
    for (const auto& heads : layers)
      for (const auto& window : heads) {
        if (!window) continue;
        ++usage[window_key(*window)];
        chosen += static_cast<double>(volume(*window));
        ++entries;
      }
  return {{"strategy", path},
          {"sparsity", entries > 0 ? 1 - chosen / entries / static_cast<double>(volume(full)) : 0.0},
          {"usage", usage}};
}

Status tune(Options o, host::Verb& verb) {
  std::vector<std::string> given = o.candidates;
  if (!o.full.empty()) given.push_back(o.full);
  for (const std::string& text : given)
    if (const auto window = window_option("--candidate or --full", text); !window) return window.status();
  if (Status status = complete(o); !status.ok()) return status;
  StaArguments a;
  a.mask_candidates = o.candidates;
  if (!o.full.empty()) a.full_attention_mask = parse_window(o.full);
  a.skip_time_steps = o.skip;
  a.save_dir = o.out;
  std::ostringstream report;
  a.report = &report;
  a.mask_search_files_path = a.mask_search_files_path_pos = o.results;
  if (!o.negative.empty()) a.mask_search_files_path_neg = o.negative;
  const WindowList3d list = configure_sta(o.negative.empty() ? STA_Mode::STA_TUNING : STA_Mode::STA_TUNING_CFG, o.layers,
                                          o.steps, o.heads, a);
  const std::string path =
      (std::filesystem::path(o.out) / ("mask_strategy_s" + std::to_string(o.skip) + ".json")).string();
  if (verb.json()) verb.print(json_of(list, parse_window(o.full.empty() ? o.candidates.back() : o.full), path));
  else std::cout << report.str();
  return {};
}

}  // namespace

int tune_verb(int argc, const char* const* argv) {
  host::Verb verb("fvattn sta tune", "Chooses for each step, layer and head the candidate window with the least L2 loss",
                  "fvattn sta tune --results results --full 3,6,10 --skip 12 --out strategies");
  Options options;
  add_to(verb.app(), options);
  return verb.run(argc, argv, [&] { return guarded([&] { return tune(options, verb); }); });
}

}  // namespace fvattn::sta
