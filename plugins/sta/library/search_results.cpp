#include <fvattn/sta/search_results.hpp>

#include "files.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace fvattn::sta {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double loss) { return std::round(loss * 1e6) / 1e6; }

/// [step][layer][head] of one candidate.
Json table_of(const SearchResult& result, size_t candidate, std::vector<std::vector<double>> LayerLosses::* loss) {
  Json steps = Json::array();
  for (const auto& layers : result) {
    Json rows = Json::array();
    for (const LayerLosses& losses : layers) {
      if ((losses.*loss).size() <= candidate)
        throw StaError("the search has losses of " + std::to_string((losses.*loss).size()) + " candidates; candidate " +
                       std::to_string(candidate) + " was asked for");
      Json heads = Json::array();
      for (const double x : (losses.*loss)[candidate]) heads.push_back(rounded(x));
      rows.push_back(std::move(heads));
    }
    steps.push_back(std::move(rows));
  }
  return steps;
}

std::string file_name_of(const std::string& prompt) {
  // Fifty characters, not bytes: never cut inside one.
  std::string name;
  size_t characters = 0;
  for (const char c : prompt) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80 && ++characters > 50) break;
    name += byte <= ' ' || c == '/' || c == '\\' || byte == 0x7F ? '_' : c;
  }
  return "mask_search_" + name + ".json";
}

std::map<std::string, LossTable> tables_of(const Json& document, const char* key, bool required, const std::string& path) {
  if (!document.is_object() || !document.contains(key)) {
    if (!required && document.is_object()) return {};
    throw StaError(path + " is no mask search result: it has no \"" + key + "\"");
  }
  try {
    return document.at(key).get<std::map<std::string, LossTable>>();
  } catch (const Json::exception&) {
    throw StaError(path + " is no mask search result: \"" + std::string(key) +
                   "\" must hold lists [step][layer][head] of numbers, by window");
  }
}

LossTables read_results(const std::string& path) {
  Json document;
  try {
    document = Json::parse(read_file(path));
  } catch (const Json::exception& error) {
    throw StaError(path + " is not valid JSON: " + error.what());
  }
  return {tables_of(document, "L2_loss", true, path), tables_of(document, "L1_loss", false, path)};
}

void add(LossTable& sum, const LossTable& other, const std::string& key) {
  const auto fits = [&](size_t a, size_t b) {
    if (a != b) throw StaError("the search results of " + key + " have different numbers of steps, layers or heads");
  };
  fits(sum.size(), other.size());
  for (size_t t = 0; t < sum.size(); ++t) {
    fits(sum[t].size(), other[t].size());
    for (size_t l = 0; l < sum[t].size(); ++l) {
      fits(sum[t][l].size(), other[t][l].size());
      for (size_t h = 0; h < sum[t][l].size(); ++h) sum[t][l][h] += other[t][l][h];
    }
  }
}

}  // namespace

void SearchRecorder::record(int step, int layer, const LayerLosses& local, bool is_cfg_negative) {
  if (step < 0 || layer < 0) throw StaError("step and layer count from 0");
  SearchResult& result = is_cfg_negative ? negative_ : positive_;
  const auto at = [](auto& list, int i) -> auto& {
    if (list.size() <= static_cast<size_t>(i)) list.resize(static_cast<size_t>(i) + 1);
    return list[static_cast<size_t>(i)];
  };
  at(at(result, step), layer) = gather_ ? LayerLosses{gather_(local.l2), gather_(local.l1)} : local;
}

std::optional<std::string> save_mask_search_results(const SearchResult& mask_search_final_result, const std::string& prompt,
                                                    const std::vector<std::string>& mask_strategies,
                                                    const std::string& output_dir, std::ostream& report) {
  if (mask_search_final_result.empty()) {
    report << "No mask search results to save" << std::endl;
    return std::nullopt;
  }
  Json document = {{"L2_loss", Json::object()}, {"L1_loss", Json::object()}};
  for (size_t i = 0; i < mask_strategies.size(); ++i) {
    const std::string key = window_key(parse_window(mask_strategies[i]));
    document["L2_loss"][key] = table_of(mask_search_final_result, i, &LayerLosses::l2);
    document["L1_loss"][key] = table_of(mask_search_final_result, i, &LayerLosses::l1);
  }
  const std::string path = (std::filesystem::path(output_dir) / file_name_of(prompt)).string();
  write_file(path, document.dump());
  report << "Successfully saved mask research results to " << path << std::endl;
  return path;
}

std::vector<LossTables> read_specific_json_files(const std::string& dir_path) {
  std::error_code trouble;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir_path, trouble)) {
    const std::string name = entry.path().filename().string();
    if (name.find("mask") != std::string::npos && name.ends_with(".json")) paths.push_back(entry.path().string());
  }
  if (trouble) throw StaError("the folder " + dir_path + " cannot be read: " + trouble.message());
  std::sort(paths.begin(), paths.end());
  std::vector<LossTables> results;
  for (const std::string& path : paths) results.push_back(read_results(path));
  return results;
}

LossTables average_head_losses(const std::vector<LossTables>& results, const std::vector<Window>& selected_masks) {
  if (results.empty()) throw StaError("there are no mask search results to average; is the folder the right one?");
  LossTables average;
  for (const Window& mask : selected_masks) {
    const std::string key = window_key(mask);
    LossTable sum;
    for (const LossTables& result : results) {
      const auto found = result.l2_loss.find(key);
      if (found == result.l2_loss.end()) throw StaError("a mask search result has no L2_loss of the window " + key);
      if (&result == &results.front()) sum = found->second;
      else add(sum, found->second, key);
    }
    for (auto& layers : sum)
      for (auto& heads : layers)
        for (double& loss : heads) loss /= static_cast<double>(results.size());
    average.l2_loss[key] = std::move(sum);
  }
  return average;
}

}  // namespace fvattn::sta
